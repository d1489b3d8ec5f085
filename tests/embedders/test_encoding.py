import hashlib
import shutil
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nofreelunch.base import provenance
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.embedders import encoding
from nofreelunch.embedders.encoding import CHUNK_CHARACTERS, CHUNK_TEXTS, LONGEST_COUNTED, chunks, encode


class Lengths:
    """A real encoder of one number per text that notes what it is asked for and can be made to die."""

    def __init__(self, dies_at=None):
        self.calls, self.dies_at = [], dies_at

    def __call__(self, texts):
        if len(self.calls) == self.dies_at:
            raise KeyboardInterrupt
        self.calls.append(list(texts))
        lengths = np.array([len(text) for text in texts])
        return [lengths[:, None].astype(np.float32)], lengths


def vectors(encoded, places=None):
    places = np.arange(len(encoded.tokens)) if places is None else places
    out = np.full((len(places), encoded.dim), np.nan, np.float32)
    encoded.fill([(out, places)])
    return out


def sample(count):
    return [f"{i} " + "x" * (i * 37 % 900) for i in range(count)]


@given(st.lists(st.text(max_size=8), unique=True), st.randoms())
def test_chunks_part_the_texts_whatever_their_order(texts, random):
    parts = list(chunks(texts))
    assert sorted(i for part in parts for i in part) == list(range(len(texts)))
    shuffled = random.sample(texts, len(texts))
    assert [[texts[i] for i in part] for part in parts] == [[shuffled[i] for i in part] for part in chunks(shuffled)]


def test_chunks_are_bounded_and_sorted_by_length():
    texts = sample(3000)
    parts = list(chunks(texts))
    assert max(len(part) for part in parts) <= CHUNK_TEXTS
    assert max(sum(min(len(texts[i]), LONGEST_COUNTED) for i in part) for part in parts) <= CHUNK_CHARACTERS
    lengths = [len(texts[i]) for part in parts for i in part]
    assert lengths == sorted(lengths, reverse=True)


def test_chunks_of_the_cpu_stay_what_they_were():
    """Their digests are in the keys of every vector that a memo holds; these were taken before GPUs had their own."""
    parts = list(chunks(sample(3000)))
    assert ([len(part) for part in parts][:6], len(parts)) == ([73, 75, 77, 79, 81, 84], 22)
    content = b"".join(part.astype(np.int64).tobytes() for part in parts)
    assert hashlib.sha256(content).hexdigest()[:16] == "4b3873cfa23c60fd"


def test_what_a_gpu_runs_does_not_stand_in_the_keys_of_the_cpus_vectors():
    assert not provenance._closure(("nofreelunch.embedders.sentence_model",)) & {
        f"nofreelunch.{name}" for name in ("embedders.gpu_model", "embedders.fast_tokens", "embedders.encoding")
    }


def test_a_text_longer_than_a_chunk_gets_its_place():
    texts = ["a" * 200_000, "b"]
    assert sorted(i for part in chunks(texts) for i in part) == [0, 1]


def test_rows_come_back_in_order(tmp_path):
    texts = sample(700)
    encoded = encode(texts, "key", lambda: [Lengths()], Memo(tmp_path), "label")
    assert vectors(encoded)[:, 0].tolist() == [len(text) for text in texts]
    assert encoded.tokens.tolist() == [len(text) for text in texts]
    assert encoded.seconds > 0


@given(st.lists(st.integers(0, 699), max_size=50), st.lists(st.integers(0, 699), max_size=50))
def test_any_rows_are_filled_in_any_order(tmp_path_factory, some, others):
    texts = sample(700)
    encoded = encode(texts, "key", lambda: [Lengths()], Memo(tmp_path_factory.getbasetemp() / "memo"), "label")
    outs = [np.full((len(places), 1), np.nan, np.float32) for places in (some, others)]
    encoded.fill([(outs[0], np.array(some, int)), (outs[1], np.array(others, int))])
    for out, places in zip(outs, (some, others), strict=True):
        assert out[:, 0].tolist() == [len(texts[i]) for i in places]


def test_a_chunk_that_went_away_is_an_error(tmp_path):
    encoded = encode(["a"], "key", lambda: [Lengths()], Memo(tmp_path), "label")
    shutil.rmtree(tmp_path)
    with pytest.raises(UserError, match="lost a chunk"):
        vectors(encoded)


def test_a_kill_loses_only_the_open_chunk(tmp_path):
    texts = sample(2000)
    total = len(list(chunks(texts)))
    dying, second = Lengths(dies_at=3), Lengths()
    with pytest.raises(KeyboardInterrupt):
        encode(texts, "key", lambda: [dying], Memo(tmp_path), "label")
    encode(texts, "key", lambda: [second], Memo(tmp_path), "label")
    assert (len(dying.calls), len(second.calls)) == (3, total - 3)
    asked = [text for call in dying.calls + second.calls for text in call]
    assert sorted(asked) == sorted(texts)


def test_a_full_memo_loads_no_model_and_gives_the_same_bytes(tmp_path):
    texts = sample(800)
    first = encode(texts, "key", lambda: [Lengths()], Memo(tmp_path), "label")
    again = encode(texts, "key", lambda: pytest.fail("loaded"), Memo(tmp_path), "label")
    assert vectors(first).tobytes() == vectors(again).tobytes()
    assert first.seconds == again.seconds


def test_another_key_computes_anew(tmp_path):
    encode(["a"], "key", lambda: [Lengths()], Memo(tmp_path), "label")
    other = Lengths()
    encode(["a"], "other key", lambda: [other], Memo(tmp_path), "label")
    assert other.calls == [["a"]]


def test_two_devices_share_the_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(encoding, "CHUNK_TEXTS", 10)
    texts = sample(400)
    devices = [Lengths(), Lengths()]
    encoded = encode(texts, "key", lambda: devices, Memo(tmp_path), "label")
    assert vectors(encoded)[:, 0].tolist() == [len(text) for text in texts]
    assert sorted(text for device in devices for call in device.calls for text in call) == sorted(texts)


@pytest.mark.parametrize("fails", ["encoder", "prepare"])
def test_an_error_ends_all_devices_and_keeps_what_is_done(tmp_path, monkeypatch, fails):
    """The third chunk fails while the other device is busy with the first: nothing is begun after that."""
    monkeypatch.setattr(encoding, "GPU_CHUNK_TEXTS", 10)
    texts, lock, failed = [f"{i:03}" for i in range(400)], threading.Lock(), threading.Event()
    prepared, asked = [], []

    def prepare(part):
        with lock:
            prepared.append(part)
            third = len(prepared) == 3
        if fails == "prepare" and third:
            failed.set()
            raise RuntimeError("the third")
        return part

    def device(part):
        with lock:
            asked.append(part)
            number = len(asked)
        if number == 1:
            assert failed.wait(60)
            # Time for whoever goes on.
            threading.Event().wait(0.2)
        elif number == 3 and fails == "encoder":
            failed.set()
            raise RuntimeError("the third")
        return [np.ones((len(part), 1), np.float32)], np.ones(len(part), np.int64)

    def run():
        return encode(texts, "key", lambda: [device, device], Memo(tmp_path), "label", kind="cuda", prepare=prepare)

    with pytest.raises(RuntimeError, match="the third"):
        run()
    # Two chunks for each device are under way at most, and one more for that which is done with its first.
    assert len(prepared) <= 5
    assert len(asked) == 3 if fails == "encoder" else 0 < len(asked) <= 5
    done = asked[:2] if fails == "encoder" else asked.copy()
    before = len(asked)
    fails = ""
    assert len(run().parts) == 40
    assert len(asked) - before == 40 - len(done)


def test_progress_says_rate_and_what_was_known(tmp_path, capsys):
    memo = Memo(tmp_path)
    texts = sample(2000)
    with pytest.raises(KeyboardInterrupt):
        encode(texts, "key", lambda: [Lengths(dies_at=1)], memo, "task · model")
    assert capsys.readouterr().err == ""
    encode(texts, "key", lambda: [Lengths()], memo, "task · model")
    line = capsys.readouterr().err
    assert line.startswith("task · model: 2,000 of 2,000 texts")
    assert "of them known" in line
    assert "texts/s" in line
