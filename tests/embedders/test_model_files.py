import hashlib
import json
import shutil
import sys

import numpy as np
import pytest
from pydantic import ValidationError
from safetensors.numpy import save_file
from tiny_models import save_sentence_model

from nofreelunch.base.errors import UserError
from nofreelunch.embedders import model_files
from nofreelunch.embedders.kinds.transformer import Transformer
from nofreelunch.embedders.model_files import locate

COMMIT = "8b3219a92973c328a8e22fadcfa821b5dc75636a"


@pytest.fixture
def folder(bert_folder, tmp_path):
    return shutil.copytree(bert_folder, tmp_path / "model")


def entry(hub, **more):
    return Transformer(kind="transformer", hub=str(hub), **more)


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_local_folder_with_the_right_weights(folder):
    sha256 = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    files = locate(entry(folder, sha256=sha256))
    assert (files.folder, files.source, files.revision, files.weights) == (folder, "local folder", None, sha256)


def test_other_weights_name_both_digests_and_a_cure(folder):
    actual = model_files.weights_digest(folder)
    with pytest.raises(UserError) as caught:
        locate(entry(folder, sha256="0" * 64))
    assert actual in str(caught.value)
    assert "0" * 64 in str(caught.value)
    assert "correct 'sha256'" in str(caught.value)


def test_the_package_goes_first_and_is_not_imported(folder, tmp_path, monkeypatch):
    package = tmp_path / "site" / "tiny_model_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    shutil.copytree(folder, package / "inner")
    monkeypatch.syspath_prepend(tmp_path / "site")
    files = locate(entry("nobody/nothing", package="tiny_model_package", revision=COMMIT))
    assert files.folder == package / "inner"
    assert files.source == "Python package tiny_model_package"
    assert "tiny_model_package" not in sys.modules
    shutil.copytree(folder, package / "second")
    with pytest.raises(UserError, match="holds 2 models"):
        locate(entry("nobody/nothing", package="tiny_model_package"))


def test_a_package_that_is_not_installed_falls_through(folder):
    assert locate(entry(folder, package="no_such_package_here")).folder == folder


def test_no_safetensors(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="no safetensors weights"):
        locate(entry(folder))


def test_a_part_with_pickled_weights_only(folder):
    (folder / "1_Pooling" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match="pickled weights only"):
        locate(entry(folder))


def test_shards_have_one_digest_that_sees_every_shard(folder):
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    save_file({"c": np.ones(3, np.float32)}, folder / "model-2.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-1.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    digests = [hashlib.sha256((folder / f"model-{i}.safetensors").read_bytes()).hexdigest() for i in (1, 2)]
    expected = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    assert locate(entry(folder)).weights == expected


@pytest.mark.parametrize("name", ["1_Pooling/config.json", "tokenizer.json", "config.json", "new.txt"])
def test_configuration_digest_sees_what_a_result_depends_on(folder, name):
    before = locate(entry(folder)).configuration
    (folder / "README.md").write_text("words")
    assert locate(entry(folder)).configuration == before
    with (folder / name).open("a") as handle:
        handle.write("\n")
    assert locate(entry(folder)).configuration != before


def test_remote_code_needs_the_users_consent_and_a_pinned_commit(folder, monkeypatch):
    monkeypatch.delenv(model_files.ALLOW_REMOTE_CODE, raising=False)
    with pytest.raises(UserError, match="NOFREELUNCH_ALLOW_REMOTE_CODE=1"):
        locate(entry(folder, remote_code=True, revision=COMMIT))
    monkeypatch.setenv(model_files.ALLOW_REMOTE_CODE, "1")
    assert locate(entry(folder, remote_code=True, revision=COMMIT)).folder == folder
    for revision in (None, "main", COMMIT[:39]):
        with pytest.raises(ValidationError, match="40 hexadecimal digits"):
            entry(folder, remote_code=True, revision=revision)


def test_code_that_the_entry_does_not_allow(folder, monkeypatch):
    edit(folder / "modules.json", lambda parts: parts[1].update(type="modeling_own.Pooling"))
    with pytest.raises(UserError, match="remote_code: true"):
        locate(entry(folder))
    monkeypatch.setenv(model_files.ALLOW_REMOTE_CODE, "1")
    assert locate(entry(folder, remote_code=True, revision=COMMIT)).folder == folder


def test_code_of_another_repository_is_never_run(folder, monkeypatch):
    monkeypatch.setenv(model_files.ALLOW_REMOTE_CODE, "1")
    edit(folder / "config.json", lambda config: config.update(auto_map={"AutoModel": "some/repo--modeling.Model"}))
    with pytest.raises(UserError, match="another repository"):
        locate(entry(folder, remote_code=True, revision=COMMIT))


def test_pooling_in_words(folder, tmp_path):
    assert model_files.describe_pooling(folder) == "mean + normalize"
    last = save_sentence_model(tmp_path / "last", "qwen2", "lasttoken")
    assert model_files.describe_pooling(last) == "lasttoken + normalize"
    old = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(old))
    assert model_files.describe_pooling(folder) == "cls + normalize"
    (folder / "modules.json").unlink()
    assert model_files.describe_pooling(folder) == "default"


def test_separator_is_the_tokenizers_own(folder, tmp_path):
    assert model_files.separator(folder) == "[SEP]"
    assert model_files.separator(save_sentence_model(tmp_path / "last", "qwen2")) == "\n"


@pytest.mark.parametrize(
    "setting", [{"prompt": "x"}, {"pooling": "cls"}, {"dtype": "float32"}, {"normalise": True}, {"suffix": "x"}]
)
def test_static_entries_refuse_what_would_have_no_effect(setting):
    with pytest.raises(ValidationError, match=f"no use for {next(iter(setting))}"):
        entry("a/b", static=True, **setting)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 90868376\n"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00[]"),
        cut,
    ],
)
@pytest.mark.parametrize("static", [True, False])
def test_what_is_no_whole_safetensors_file(folder, damage, static):
    damage(folder / "model.safetensors")
    with pytest.raises(UserError, match=r"no whole safetensors file \(a git-lfs pointer.*fetch them again"):
        locate(entry(folder, static=static))


def test_a_missing_shard_is_named(folder):
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"lack model-2\.safetensors, which .*index\.json names; fetch them again"):
        locate(entry(folder))


def test_cut_weights_of_a_part(folder):
    edit(
        folder / "modules.json", lambda parts: parts.append({"path": "2_Dense", "type": "sentence_transformers.Dense"})
    )
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "model.safetensors").write_bytes(b"12")
    with pytest.raises(UserError, match=r"2_Dense/model\.safetensors are no whole"):
        locate(entry(folder))


def test_a_prompt_has_task_and_no_other_placeholder():
    with pytest.raises(ValidationError, match=r"'{tasks}' in the prompt stands for nothing; only '{task}' does"):
        entry("a/b", prompt="Instruct: {tasks}")
    with pytest.raises(ValidationError, match="which the prompt does not have; add it there"):
        entry("a/b", prompt="query: ", instructions={"sst2": "Judge"})
    with pytest.raises(ValidationError, match="set append_eos: true or remove it"):
        entry("a/b", keep_eos=False)
