"""Each kind of embedder is one file that declares itself and answers for itself."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import TypeAdapter

from nofreelunch.embedders.kinds import KINDS
from nofreelunch.embedders.section import Section
from nofreelunch.embedders.spec import EmbedderSpec

ROOT = Path(__file__).parents[2]
LEAST = {
    "hashing": {},
    "lsa": {},
    "npy": {"vectors": "v.npy", "texts": "t.csv"},
    "outside": {"from": "mine.py"},
    "transformer": {"hub": "org/model"},
}
LETTERS = """
from typing import Literal

import numpy as np

from nofreelunch.embedders.text_vectors import TextVectors


class Letters(TextVectors):
    kind: Literal["letters"]
    dim: Literal[26] = 26

    @property
    def method(self):
        return counts


def counts(dim, train, test):
    return tuple(
        [np.array([[text.count(chr(97 + i)) for i in range(dim)] for text in column], np.float32) for column in columns]
        for columns in (train, test)
    )


ENTRY = Letters
"""
ASKED = """
import json
from pathlib import Path

from nofreelunch import params
from nofreelunch.base.storage import Memo
from nofreelunch.embedders.embed import embed_texts
from nofreelunch.embedders.facts import dimensions_of

spec = params.load().embedders["mine"]
vectors = embed_texts(spec, ["abba", "zoo"], Memo(Path("memo")))
print(json.dumps([dimensions_of(spec), vectors[:, [0, 1, 14, 25]].tolist(), len(list(Path("memo").glob("??/*")))]))
"""


def entry(kind):
    return TypeAdapter(EmbedderSpec).validate_python({"kind": kind, **LEAST[kind]})


def test_every_file_declares_the_kind_of_its_name():
    assert set(KINDS) == set(LEAST)
    for name, section in KINDS.items():
        assert issubclass(section, Section)
        assert type(entry(name)) is section
        assert entry(name).kind == name


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_answers_what_is_asked_of_an_entry(kind):
    spec = entry(kind)
    assert spec.about().model == {"npy": "v.npy", "outside": "mine.py", "transformer": "org/model"}.get(kind, kind)
    assert spec.dimensions() == {"hashing": 512, "lsa": 256}.get(kind)
    assert (spec.transformer is spec) == (kind == "transformer")
    assert spec.registered == {"hashing": (kind, None), "lsa": (kind, None), "transformer": ("org/model", None)}.get(
        kind, (None, None)
    )
    assert spec.own("task").named == {"npy": ["v.npy", "t.csv"], "transformer": ["org/model"]}.get(kind, [])
    assert spec.to_fetch() == {}
    assert spec.changed({"task": {}}) == []


def test_static_word_vectors_are_worth_no_gpu():
    static = TypeAdapter(EmbedderSpec).validate_python({"kind": "transformer", "hub": "org/model", "static": True})
    assert static.transformer is None
    assert static.about().pooling == "word vectors"


def test_a_new_kind_is_one_file_and_a_name(tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    file = tmp_path / "src/nofreelunch/embedders/kinds/letters.py"
    file.write_text(LETTERS)
    content = yaml.safe_load((ROOT / "params.yaml").read_text())
    content["embedders"]["mine"] = {"kind": "letters"}
    content["grid"]["embedders"].append("mine")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))

    def run(*command):
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "src")}
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout if done.returncode == 0 else done.stderr

    wanted = [26, [[2, 2, 0, 0], [0, 0, 2, 1]]]
    assert json.loads(run("-c", ASKED)) == [*wanted, 1]
    assert "mine *" in run("-m", "nofreelunch", "list")
    # Its code is in the memo's key.
    file.write_text(LETTERS.replace("text.count", "text.lower().count"))
    assert json.loads(run("-c", ASKED)) == [*wanted, 2]
    content["embedders"]["mine"] = {"kind": "leters"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    assert "embedders.mine.kind: unknown kind 'leters'. Did you mean 'letters'?" in run("-m", "nofreelunch", "check")
