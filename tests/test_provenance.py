import json
import os
import platform
import subprocess
import sys
from dataclasses import replace

import pytest

from nofreelunch.base import provenance
from nofreelunch.base.provenance import code_digest, defining_modules, definition
from nofreelunch.selection import coverage
from nofreelunch.selection.query import Strategy
from nofreelunch.selection.strategies import entropy, margin


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package 'nofreelunch' of two modules, and a function that rewrites one of them and digests 'a' afresh."""
    monkeypatch.setattr(provenance, "ROOT", tmp_path)

    def digest(**modules):
        for name, text in modules.items():
            file = tmp_path / f"{name.replace('.', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        for cached in (provenance._parse, provenance._tree_digest, provenance._imports):
            cached.cache_clear()
        return code_digest("nofreelunch.a")

    yield digest
    for cached in (provenance._parse, provenance._tree_digest, provenance._imports):
        cached.cache_clear()


A = "from nofreelunch.b import g\ndef f():\n    return g()\n"
B = "def g():\n    return 1\n"


def test_comments_layout_and_docstrings_do_not_count(package):
    before = package(a=A, b=B)
    assert package(b='"""Doc."""\n# comment\ndef g():\n    """Doc."""\n\n    return 1\n') == before


def test_a_change_in_an_imported_module_counts(package):
    before = package(a=A, b=B, c=B)
    assert package(b=B.replace("1", "2")) != before
    assert package(b=B) == before
    assert package(c=B.replace("1", "2")) == before


def test_another_strategy_is_not_part_of_a_strategys_code():
    closure = provenance._closure(("nofreelunch.cells.simulation", "nofreelunch.selection.strategies.badge"))
    assert "nofreelunch.space.geometry" in closure
    assert "nofreelunch.heads.head" in closure
    assert not {module for module in closure if module.startswith("nofreelunch.selection.strategies.")} - {
        "nofreelunch.selection.strategies.badge"
    }


def test_the_words_of_errors_do_not_count(package):
    before = package(
        a=f"from nofreelunch.base.errors import UserError\n{A}",
        b=B,
        **{"base.errors": "class UserError(Exception): ...\n"},
    )
    assert package(**{"base.errors": "class UserError(Exception):\n    cure = 'another'\n"}) == before


LOADERS = ("embedders.adapter", "embedders.nv_embed", "embedders.settings", "embedders.text_tokens")


@pytest.mark.parametrize("root", ["embedders.sentence_model", "embedders.static_vectors", "embedders.text_features"])
def test_the_code_of_a_vector_is_what_computes_it(root):
    closure = provenance._closure((f"nofreelunch.{root}",))
    assert {module.removeprefix("nofreelunch.") for module in closure} <= {root, *LOADERS}


def test_the_code_of_a_gpus_vector_is_no_more_than_that():
    closure = provenance._closure(("nofreelunch.embedders.gpu_model",))
    own = {f"embedders.{name}" for name in ("gpu_model", "fast_tokens", "sentence_model")}
    assert {module.removeprefix("nofreelunch.") for module in closure} == {*own, *LOADERS}


def test_an_environment_is_the_same_whatever_has_been_imported():
    code = "from nofreelunch.base.provenance import environment; print(sorted(environment().items()))"
    said = [
        subprocess.run([sys.executable, "-c", f"{first}\n{code}"], check=True, capture_output=True, text=True).stdout
        for first in ("", "import torch, sklearn.cluster")
    ]
    assert said[0] == said[1]
    assert "'numpy'" in said[0]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="names kernels of this architecture")
def test_an_environment_names_the_kernels_in_use():
    code = "from nofreelunch.base.provenance import environment; print(environment()['blas'], environment()['simd'])"
    chosen = {"OPENBLAS_CORETYPE": "Sandybridge", "NPY_DISABLE_CPU_FEATURES": "X86_V4"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | chosen, check=True, capture_output=True, text=True
    )
    if "openblas" in done.stdout:
        assert "Sandybridge" in done.stdout
        assert "Haswell" not in done.stdout
    assert "X86_V4" not in done.stdout


def test_the_definition_of_an_entry_is_all_of_it():
    entry = Strategy(margin.select)
    assert definition(entry)["select"] == "nofreelunch.selection.strategies.margin:select"
    others = [replace(entry, select=entropy.select), replace(entry, select=margin.two_highest)]
    others += [replace(entry, uses_head=False), replace(entry, prepare=coverage.prepare)]
    assert len({json.dumps(definition(each)) for each in (entry, *others)}) == 5
    assert defining_modules(others[-1]) == [coverage.__name__, margin.__name__]
    assert definition(margin.select) == definition(entry)["select"]


def test_what_a_module_declares_is_in_its_entry_and_not_in_its_digest(package):
    """Else the line that says which function is a strategy would make all its runs anew."""
    plain = package(a=A, b=B)
    imported = "from nofreelunch.selection.declare import strategy\n"
    declared = package(a=f"{imported}{A}ENTRY = strategy(f, uses_head=False)\n")
    assert declared == plain
    assert package(a=f"{A}OTHER = 1\n") != plain
