"""Every wrong tokenizer is refused with its cure, and a right one gives the ids that were worked out by hand."""

import json

import numpy as np
import pytest
from tiny_models import byte_level_tokenizer, edit_json, save_decoder, save_sentence_model

from nofreelunch.base.errors import UserError
from nofreelunch.embedders import adapter
from nofreelunch.embedders.sentence_model import SentenceModel
from nofreelunch.embedders.settings import Settings
from nofreelunch.embedders.text_tokens import TextTokens

# <s>, </s>, w0, w1
BOS, EOS, W0, W1 = 1, 2, 6, 7


def settings(**changes):
    plain = {"max_tokens": 16, "pooling": None, "padding_side": None, "append_eos": None, "truncate_dim": None}
    return Settings(**{**plain, "normalise": False, "dtype": "float32", "remote_code": False, **changes})


def tokens(folder, last=True, **changes):
    return TextTokens.load(folder, settings(**changes), last=last)


BOTH = {"add_bos_token": True, "add_eos_token": True}


@pytest.mark.parametrize(
    ("template", "flags", "append", "expected"),
    [
        ("<s> $A", {}, True, [BOS, W0, W1, EOS]),
        ("<s> $A </s>", {}, True, [BOS, W0, W1, EOS]),
        ("<s> $A", BOTH, None, [BOS, W0, W1, EOS]),
        ("<s> $A </s>", BOTH, True, [BOS, W0, W1, EOS]),
        ("", BOTH, None, [BOS, W0, W1, EOS]),
        ("", {}, True, [W0, W1, EOS]),
        ("<s> $A </s>", {"add_eos_token": False}, True, [BOS, W0, W1, EOS]),
        ("<s> $A </s>", {"add_eos_token": False}, False, [BOS, W0, W1]),
        ("<s> $A </s>", {"add_bos_token": False}, None, [W0, W1, EOS]),
        ("<s> $A </s>", {"add_bos_token": False, "tokenizer_class": "Qwen2Tokenizer"}, None, [BOS, W0, W1, EOS]),
    ],
)
def test_one_template_from_file_flags_and_entry(tmp_path, template, flags, append, expected):
    made = tokens(save_decoder(tmp_path / "m", template=template, flags=flags), append_eos=append)
    assert made.ids("w0 w1") == expected
    assert made.facts()["padding"] == "left"


def test_truncation_keeps_front_and_end(tmp_path):
    made = tokens(save_decoder(tmp_path / "m"), append_eos=True, max_tokens=5)
    features, counts = made.features(["w0 w1 w2 w3 w4 w5", "w0"], "")
    assert features["input_ids"].tolist() == [[BOS, 6, 7, 8, EOS], [0, 0, BOS, 6, EOS]]
    assert counts.tolist() == [8, 3]


def test_an_eos_that_is_not_kept_is_cut_off_like_the_text(tmp_path):
    made = tokens(save_decoder(tmp_path / "m"), append_eos=True, keep_eos=False, max_tokens=5)
    assert made.ids("w0 w1 w2 w3 w4 w5") == [BOS, 6, 7, 8, 9]
    assert made.ids("w0") == [BOS, 6, EOS]
    assert made.features(["w0 w1 w2 w3 w4 w5", "w0"], "")[1].tolist() == [8, 3]


def test_a_suffix_survives_truncation(tmp_path):
    made = tokens(save_decoder(tmp_path / "m"), append_eos=True, suffix=" <response>", max_tokens=6)
    features, counts = made.features(["w0 w1 w2 w3 w4 w5", "w0"], "<instruct> ")
    assert features["input_ids"].tolist() == [[BOS, 3, 6, 7, 5, EOS], [0, BOS, 3, 6, 5, EOS]]
    assert counts.tolist() == [10, 5]


def test_a_prompt_that_fills_the_window_is_refused(tmp_path):
    made = tokens(save_decoder(tmp_path / "m"), append_eos=True, max_tokens=5)
    assert made.features(["w5"], "w0 w1 ")[0]["input_ids"].tolist() == [[BOS, 6, 7, 11, EOS]]
    with pytest.raises(UserError, match=r"takes 4 of the 5 tokens.*raise 'max_tokens'.*or shorten its prompt"):
        made.features(["w5"], "w0 w1 w2 ")


def replace_template(folder, change):
    edit_json(folder / "tokenizer.json", change)
    return folder


def two_pieces(content):
    first = content["post_processor"]
    second = json.loads(json.dumps(first))
    second["single"] = [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}]
    content["post_processor"] = {"type": "Sequence", "processors": [first, second]}


@pytest.mark.parametrize(
    ("template", "flags", "changes", "message"),
    [
        ("<s> $A", {}, {}, "ends texts with no special token.*Set 'append_eos: true'"),
        ("<s> $A", {"eos_token": None}, {"append_eos": True}, "no end-of-sequence token; remove append_eos"),
        ("<s> <s> $A", {}, {"append_eos": True}, "<s> <s> before every text, one token doubled; remove one"),
        ("<s> $A </s> </s>", {}, {}, "</s> </s> after every text, one token doubled; remove one"),
        ("<s> $A </s> $A", {}, {}, "not special tokens, the text once, special tokens; correct the template"),
        ("<s> $A </s>", {"padding_side": "right"}, {}, "pools the last token; set 'padding_side: left'"),
        ("<s> $A </s>", {}, {"padding_side": "right"}, "pools the last token; set 'padding_side: left'"),
        ("<s> $A <s>", {}, {"append_eos": True}, "ends texts with <s> already; remove append_eos"),
        ("</s> $A", {"add_bos_token": True}, {"append_eos": True}, "the template has </s> in its place; correct one"),
    ],
)
def test_a_wrong_tokenizer_is_refused_with_its_cure(tmp_path, template, flags, changes, message):
    with pytest.raises(UserError, match=f"the tokenizer in .*m: .*{message}"):
        tokens(save_decoder(tmp_path / "m", template=template, flags=flags), **changes)


def test_a_template_of_two_pieces_is_refused(tmp_path):
    folder = replace_template(save_decoder(tmp_path / "m"), two_pieces)
    with pytest.raises(UserError, match=r"a template of 2 pieces.*make one of them in tokenizer\.json"):
        tokens(folder, append_eos=True)


def test_append_eos_with_cls_and_sep(tmp_path, bert_folder):
    with pytest.raises(UserError, match="no end-of-sequence token; remove append_eos"):
        tokens(bert_folder, last=False, append_eos=True)
    assert tokens(bert_folder, last=False).facts() == {"front": ["[CLS]"], "end": ["[SEP]"], "padding": "right"}


def test_the_entrys_padding_goes_before_the_files(tmp_path):
    folder = save_decoder(tmp_path / "m", template="<s> $A </s>", flags={"padding_side": "right"})
    assert tokens(folder, padding_side="left").facts()["padding"] == "left"


def test_the_file_decides_and_not_a_class_that_builds_it_anew(tmp_path):
    from tokenizers import Tokenizer
    from tokenizers.normalizers import Prepend, Replace, Sequence

    folder = save_decoder(tmp_path / "m")
    backend = Tokenizer.from_file(str(folder / "tokenizer.json"))
    backend.normalizer = Sequence([Prepend("w0 "), Replace("w1", "w2")])
    backend.save(str(folder / "tokenizer.json"))
    assert tokens(folder, append_eos=True).ids("w1") == [BOS, W0, 8, EOS]


def test_fixed_padding_and_truncation_in_the_file_have_no_effect(tmp_path):
    folder = save_decoder(tmp_path / "m")
    tokenizer = byte_level_tokenizer().backend_tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(length=12)
    tokenizer.enable_truncation(4)
    tokenizer.save(str(folder / "tokenizer.json"))
    assert tokens(folder, append_eos=True).ids("w0 w1 w2 w3 w4") == [BOS, 6, 7, 8, 9, 10, EOS]


def test_expected_ids_are_compared(tmp_path):
    made = tokens(save_decoder(tmp_path / "m"), append_eos=True)
    made.check_ids({"w0 w1": [BOS, W0, W1, EOS]})
    with pytest.raises(UserError, match=r"gives \[1, 6, 7, 2\] for 'w0 w1'.*says \[6, 7\].*pinned revision"):
        made.check_ids({"w0 w1": [W0, W1]})


def test_padding_that_changes_a_vector_is_refused(tmp_path):
    folder = save_sentence_model(tmp_path, "bert")
    with pytest.raises(UserError, match=r"padding changes the vectors.*Set 'padding_side'.*to the other side"):
        SentenceModel(folder, settings(padding_side="left"), "cpu")


def test_an_attention_that_has_no_effect_is_refused(tmp_path, monkeypatch):
    folder = save_decoder(tmp_path / "m")
    SentenceModel(folder, settings(append_eos=True, attention="bidirectional"), "cpu")
    monkeypatch.setattr(adapter, "_see_both_ways", lambda model: None)
    with pytest.raises(UserError, match=r"'attention: bidirectional' has no effect on .*; remove it"):
        SentenceModel(folder, settings(append_eos=True, attention="bidirectional"), "cpu")


def test_do_lower_case_of_both_libraries(tmp_path):
    folder = save_decoder(tmp_path / "m")
    plain = SentenceModel(folder, settings(append_eos=True), "cpu").encode(["w1 w2"], "")[0]
    edit_json(folder / "sentence_bert_config.json", lambda config: config.update(do_lower_case=True))
    model = SentenceModel(folder, settings(append_eos=True), "cpu")
    assert np.array_equal(model.encode(["W1 W2"], "")[0], plain)
