"""Embedders from files outside the package: checked, keyed, resumed, kept apart from the others."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.cells import outside_files
from nofreelunch.cells.farm import Farm
from nofreelunch.embedders.embed import embed_texts
from nofreelunch.embedders.kinds import outside as foreign
from nofreelunch.params import Params

ROOT = Path(__file__).parents[2]
# Notes beside it how many texts it is asked for each time.
LENGTHS = """
from pathlib import Path

import numpy as np


def embed(texts, *, power: float = 1.0):
    with Path("asked").open("a") as file:
        file.write(f"{len(texts)}\\n")
    return np.array([[len(text) ** power, text.count("1"), 1] for text in texts], np.float32)
"""
CLASS = """
import numpy as np

made = []


class Embed:
    def __init__(self, *, dim: int = 4):
        made.append(self)
        assert len(made) == 1
        self.dim = dim

    def __call__(self, texts):
        return np.array([[hash_of(text, i) for i in range(self.dim)] for text in texts], np.float32)


def hash_of(text, i):
    return sum(text.encode()) % (11 + i)
"""
BUILT_IN = {"vectors": {"kind": "npy", "vectors": "{split}.npy", "texts": "{split}.csv"}}


@pytest.fixture
def grid(own):
    """Params of the cell with an embedder of this file in the grid beside vectors."""

    def made(text=LENGTHS, **entry):
        Path("mine.py").write_text(text, encoding="utf-8")
        entry = {"from": "mine.py"} | entry
        return own.params(embedders=BUILT_IN | {"mine": entry}, grid={"embedders": ["vectors", "mine"]})

    return made


def asked():
    return [int(line) for line in Path("asked").read_text().split()] if Path("asked").exists() else []


def matrix(split="train", dataset="own"):
    return np.load(layout.embedding(dataset, "mine", split))


def test_a_file_goes_through_all_stages_and_its_card_says_what_it_is(own, grid):
    params = grid(dim=3, options={"power": 0.5})
    own.run(params, embedder="mine")
    expected = [[len(text) ** 0.5, text.count("1"), 1] for text in own.texts["test"]]
    assert matrix("test") == pytest.approx(np.array(expected))
    card = storage.read_json(layout.embedding_card("own", "mine"))
    assert (card["kind"], card["model"], card["source"]) == ("outside", "embed", "code from outside")
    assert (card["dim"], card["sha256"]) == (3, params.foreign["embedders"]["mine"].digest)
    assert params.foreign_names == ["mine"]
    assert params.known().marks["mine", "own"] == "unknown"
    assert "embedders.mine is code from outside, no part of the benchmark: mine.py" in outside_files.in_words(params)[0]


def test_no_text_is_embedded_twice_until_file_or_options_change(own, grid, monkeypatch):
    monkeypatch.setattr(foreign, "CHUNK", 100)
    own.run(grid(), "download")
    own.run(grid(), "embed", embedder="mine")
    first = asked()
    assert first == [100, 5] * 4 + [60, 5]
    own.run(grid(), "embed", embedder="mine")
    assert asked() == first
    own.run(grid(options={"power": 2.0}), "embed", embedder="mine")
    own.run(grid(LENGTHS + "# another\n"), "embed", embedder="mine")
    assert asked() == first * 3
    before = matrix().tobytes()
    monkeypatch.setattr(foreign, "CHUNK", 1000)
    own.run(grid(LENGTHS + "# a third\n"), "embed", embedder="mine")
    assert matrix().tobytes() == before


def test_what_was_embedded_before_a_fault_is_kept(own, grid, monkeypatch, capsys):
    monkeypatch.setattr(foreign, "CHUNK", 100)
    text = LENGTHS.replace(
        "    return", "    assert Path('mended').exists() or len(asked()) < 4, 'stopped'\n    return"
    )
    text += "\n\ndef asked():\n    return Path('asked').read_text().split()\n"
    own.run(grid(text), "download")
    with pytest.raises(UserError, match=r"'mine\.py' on own: it raises AssertionError: stopped \(mine\.py, line 10\)"):
        own.run(grid(text), "embed", embedder="mine")
    Path("mended").touch()
    own.run(grid(text), "embed", embedder="mine")
    assert asked() == [100, 5, 100, 5] + [100, 5] * 3 + [60, 5]
    assert "own: 460 of 460 texts, 100 of them known, " in capsys.readouterr().err


def test_a_class_is_made_once_and_single_texts_and_pairs_are_embedded(own, grid):
    params = grid(CLASS, **{"from": "mine.py:Embed"}, options={"dim": 5})
    own.run(params, "download", "embed", embedder="mine")
    assert matrix().shape == (400, 5)
    found = embed_texts(params.embedders["mine"], ["one", "other", "one"], Memo.default())
    assert found[0].tolist() == found[2].tolist() == [sum(b"one") % (11 + i) for i in range(5)]


def returning(expression):
    return f"import numpy as np\n\n\ndef embed(texts):\n    return {expression}\n"


WRONG = {
    "NaN": (
        "np.array([[np.nan if t.endswith(' 7') else 1] for t in texts], np.float32)",
        r"'train word0 word7 7' has NaN",
    ),
    "infinity": ("np.full((len(texts), 2), np.inf, np.float32)", r"has NaN or infinity in it \(460 such\)"),
    "one vector": ("np.ones(len(texts), np.float32)", r"an array of shape \(460,\), not \(texts, dimensions\)"),
    "no dimensions": ("np.ones((len(texts), 0), np.float32)", r"an array of shape \(460, 0\)"),
    "too few": ("np.ones((len(texts) - 1, 2), np.float32)", "459 vectors for 460 texts"),
    "float64": ("np.ones((len(texts), 2))", r"float64 numbers, not float32; \.astype\(np\.float32\)"),
    "whole numbers": ("np.ones((len(texts), 2), int)", "int64 numbers, not float32"),
    "words": ("[text.split()[:2] for text in texts]", "numbers, not float32"),
    "nothing": ("None", "is a NoneType, no array of numbers"),
    "ragged": ("[[1.0] * (1 + len(t) % 2) for t in texts]", "is no array"),
    "sparse": ("__import__('scipy.sparse').sparse.eye(len(texts))", r"\.toarray\(\) makes one of a sparse matrix"),
    "drawn": ("np.random.default_rng().random((len(texts), 3), np.float32)", "asked again for .* another vector"),
    "by its place": ("np.arange(2.0 * len(texts), dtype=np.float32).reshape(-1, 2)", "another vector"),
    "fitted on the texts": ("np.array([[len(t) / sum(map(len, texts))] for t in texts], np.float32)", "another vector"),
    "other dimensions": (
        "np.ones((len(texts), 2 + len(texts) % 11), np.float32)",
        "asked again, it returned 7 dimensions",
    ),
    "raises": ("{}[texts[0]]", r"it raises KeyError: 'train word0 word0 0' \(mine\.py, line 5\)"),
    "ends the process": ("__import__('sys').exit(0)", r"it raises SystemExit: 0 \(mine\.py, line 5\)"),
}


@pytest.mark.parametrize(("expression", "message"), WRONG.values(), ids=WRONG)
def test_what_is_no_embedding_is_refused_and_nothing_of_it_kept(own, grid, expression, message):
    own.run(grid(), "download")
    with pytest.raises(UserError, match=rf"embedder 'mine\.py' on own: .*{message}"):
        own.run(grid(returning(expression)), "embed", embedder="mine")
    assert not layout.embedding("own", "mine", "train").exists()
    assert not [path for path in Path("memo").glob("??/*") if "vectors" in (Memo.default().load(path.name) or {})]


def test_declared_dimensions_are_held_and_chunks_agree(own, grid, monkeypatch):
    own.run(grid(), "download")
    with pytest.raises(UserError, match="vectors of 3 dimensions; 'dim' of its entry says 8"):
        own.run(grid(dim=8), "embed", embedder="mine")
    monkeypatch.setattr(foreign, "CHUNK", 400)
    by_split = returning("np.ones((len(texts), 2 + ('test' in texts[0])), np.float32)")
    with pytest.raises(UserError, match="of 2 dimensions for some texts, of 3 for others"):
        own.run(grid(by_split), "embed", embedder="mine")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"from": "absent.py"}, r"embedders\.mine: 'absent\.py' cannot be read: No such file"),
        ({"from": "mine.py:embd"}, r"embedders\.mine: .*Did you mean 'embed'"),
        ({"from": "ends.py"}, r"embedders\.mine: 'ends\.py' cannot be imported: SystemExit: 3"),
        ({"from": "mine.py:np"}, "is a module, no function"),
        ({"options": {"powr": 2.0}}, r"embedders\.mine: .*unknown key 'powr'. Did you mean 'power'"),
        ({"options": {"power": "much"}}, r"embedders\.mine: options\.power: .*valid number"),
        ({"kind": "lsa"}, r"unknown key 'from'"),
        ({"pooling": "mean"}, r"unknown key 'pooling'"),
        ({"dim": 0}, "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said_before_anything_runs(grid, entry, message):
    Path("ends.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(ValueError, match=message):
        grid(**entry)


def test_an_entry_outside_the_grid_is_not_imported(own):
    Path("loud.py").write_text("raise SystemExit('imported')\n")
    params = own.params(embedders={"loud": {"from": "loud.py"}})
    assert params.foreign["embedders"] == {}
    assert Params.model_validate(params.model_dump(mode="json")).embedders["loud"] == params.embedders["loud"]


def test_a_kind_that_an_installed_package_offers_is_found_by_its_name(own, tmp_path, monkeypatch):
    site = tmp_path / "site"
    (site / "their_vectors-3.0.dist-info").mkdir(parents=True)
    (site / "their_vectors.py").write_text(LENGTHS)
    info = {
        "METADATA": "Metadata-Version: 2.1\nName: their-vectors\nVersion: 3.0\n",
        "entry_points.txt": "[nofreelunch.embedders]\ntheirs = their_vectors:embed\n",
        "RECORD": "their_vectors.py,,\ntheir_vectors-3.0.dist-info/METADATA,,\n",
        "top_level.txt": "their_vectors\n",
    }
    for name, text in info.items():
        (site / "their_vectors-3.0.dist-info" / name).write_text(text)
    monkeypatch.syspath_prepend(site)
    params = own.params(
        embedders=BUILT_IN | {"mine": {"kind": "theirs", "options": {"power": 2.0}}},
        grid={"embedders": ["vectors", "mine"]},
    )
    own.run(params, "download", "embed", embedder="mine")
    assert matrix()[0, 0] == len(own.texts["train"][0]) ** 2
    assert storage.read_json(layout.embedding_card("own", "mine"))["versions"] == {"their-vectors": "3.0"}
    assert {path.name for path in params.foreign["embedders"]["mine"].files} == {"their_vectors.py", "METADATA"}
    with pytest.raises(ValueError, match=r"Input tag 'thers'"):
        own.params(embedders={"mine": {"kind": "thers"}})


def test_the_example_of_the_docs_runs_as_written(own):
    text = (ROOT / "docs/extend.md").read_text(encoding="utf-8").partition("## An embedder of your own")[2]
    code, entry = (re.search(rf"```{kind}\n(.*?)```", text, re.DOTALL)[1] for kind in ("python", "yaml"))
    Path("../my_embedder.py").write_text(code, encoding="utf-8")
    said = yaml.safe_load(entry)
    params = own.params(
        embedders=BUILT_IN | said["embedders"], grid={"embedders": ["vectors", *said["grid"]["embedders"]]}
    )
    own.run(params, embedder="mine")
    assert matrix().shape == (400, said["embedders"]["mine"]["dim"])


def test_each_embedder_has_a_digest_of_its_own_that_goes_with_its_entry(own, grid):
    folder = layout.outside_embedders()
    assert outside_files.watch(grid()) == 1
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert first["vectors.json"] == b"{}\n"
    assert (layout.outside_links() / "embedders.mine.0").samefile("mine.py")
    outside_files.watch(grid(LENGTHS + "# another\n"))
    second = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in first if first[name] != second[name]} == {"mine.json"}
    assert outside_files.watch(own.params()) == 0
    assert [path.name for path in folder.iterdir()] == ["vectors.json"]


def test_the_farm_embeds_and_the_stages_take_what_it_made(own, grid):
    params = grid()
    own.run(params, "download")
    farm = Farm(params, ["own"], ["mine"], Memo.default())
    farm.embed()
    done = asked()
    farm.run()
    own.run(params, "embed", "initialize", "active_learn", embedder="mine")
    assert asked() == done
