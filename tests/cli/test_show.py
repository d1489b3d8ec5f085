from pathlib import Path

import numpy as np
import pytest

from nofreelunch import params
from nofreelunch.base import registry
from nofreelunch.cli import show
from nofreelunch.cli.named_grids import SEVEN_EMBEDDERS, TEN_TASKS
from nofreelunch.cli.text_table import text_table
from nofreelunch.embedders.facts import facts_of, seen_by
from nofreelunch.embedders.kinds.npy import Npy
from nofreelunch.embedders.kinds.transformer import Transformer
from nofreelunch.tasks.spec import FilesTask

SHIPPED = params.load(Path(__file__).parents[2] / "params.yaml")


def cells(table):
    """Marks of the contamination table by (embedder, task)."""
    header, *lines = (line.split() for line in table.splitlines())
    return {(line[0], task): mark for line in lines for task, mark in zip(header[1:], line[1:], strict=True)}


def test_columns_are_aligned():
    assert text_table(["name", "n"], [["ä", "1,000"], ["long", "–"]]) == "name      n\nä     1,000\nlong      –"
    assert text_table(["a", "b"], [["\x01", "1"], ["c", "2"]]).splitlines()[1:] == ["�  1", "c  2"]


def test_every_task_and_embedder_is_shown_and_the_grid_is_marked():
    tasks, embedders = show.tasks_table(SHIPPED), show.embedders_table(SHIPPED)
    for name in SHIPPED.datasets:
        assert (f"\n{name} *" in tasks) == (name in SHIPPED.grid.datasets)
    for name in SHIPPED.embedders:
        assert (f"\n{name} *" in embedders) == (name in SHIPPED.grid.embedders)


def test_the_protocols_contamination_is_shown():
    marks = cells(show.contamination_table(SHIPPED))
    for embedder in ("nv_embed_v2", "bge_en_icl", "stella_1_5b", "sfr_2"):
        assert [marks[embedder, task] for task in ("banking77", "mnli", "qnli", "wiki_toxic")] == ["X", "X", "x", "x"]
    assert marks["nv_embed_v2", "ag_news"] == "·"
    assert marks["gte_qwen2_7b", "banking77"] == "?"
    assert all(marks["bert_base", task] == "·" for task in TEN_TASKS)
    for embedder in ("minilm", "minilm_static", "mpnet", "mpnet_static"):
        for task, mark in (("mnli", "X"), ("qnli", "x"), ("docs_kind", "x"), ("docs_param", "x"), ("ag_news", "·")):
            assert marks[embedder, task] == mark


def test_every_flag_has_its_evidence():
    lines = "\n".join(show.evidence(SHIPPED))
    for facts in registry.EMBEDDERS.values():
        for task, source in [*facts.trained_on.items(), *facts.related.items()]:
            assert task in registry.TASKS
            assert f"{task}: {source}" in lines
            assert facts.name in lines


@pytest.mark.parametrize("name", TEN_TASKS)
def test_the_ten_tasks_are_registered_with_facts(name):
    assert SHIPPED.datasets[name].source == "hub"
    assert SHIPPED.datasets[name].identity in registry.TASKS


def test_every_shipped_embedder_is_registered_at_its_revision():
    assert set(SEVEN_EMBEDDERS) <= set(SHIPPED.embedders)
    for name, spec in SHIPPED.embedders.items():
        facts = facts_of(spec)
        assert facts is not None, name
        assert getattr(spec, "revision", None) == facts.revision
        assert getattr(spec, "dim", facts.dim) == facts.dim
    assert {facts.name for facts in registry.EMBEDDERS.values()} <= set(SHIPPED.embedders)


def test_precision_prompts_and_instructions_are_shown():
    lines = {line.split()[0]: line for line in show.embedders_table(SHIPPED).splitlines()[1:]}
    assert "  half" in lines["nv_embed_v2"]
    assert "  float32" in lines["minilm_static"]
    shown = show.prompts(SHIPPED)
    assert r"nv_embed_v2: 'Instruct: {task}\nQuery: '" in shown
    assert "sst2: Classify the sentiment expressed in the given movie review" in shown
    own = SHIPPED.embedders["sfr_2"].model_copy(update={"instructions": {"sst2": "Judge"}})
    changed = SHIPPED.model_copy(update={"embedders": {"sfr_2": own}})
    assert show.prompts(changed)[-1] == "sfr_2, sst2: Judge"


def test_marks_go_by_what_is_loaded_and_not_by_names():
    minilm, mnli = SHIPPED.embedders["minilm"], SHIPPED.datasets["mnli"].identity
    assert seen_by(minilm, mnli) == "yes"
    other = Transformer(kind="transformer", hub="somebody/fine-tuned", revision=minilm.revision)
    assert seen_by(other, mnli) == "unknown"
    for revision in (None, "0" * 40):
        assert seen_by(minilm.model_copy(update={"revision": revision}), mnli) == "unknown"
    assert seen_by(Npy(kind="npy", vectors="v.npy", texts="t.csv"), mnli) == "unknown"


def test_a_task_that_nobody_examined_is_not_called_unseen():
    own = FilesTask(source="files", train_file="ag_news.csv")
    assert own.identity is None
    assert seen_by(SHIPPED.embedders["minilm"], own.identity) == "unknown"
    assert seen_by(SHIPPED.embedders["minilm"], "somebody/reviews") == "unknown"
    assert seen_by(SHIPPED.embedders["hashing"], own.identity) == "no"


def test_static_vectors_have_no_published_average():
    assert facts_of(SHIPPED.embedders["minilm"]).mteb == 56.3
    static = facts_of(SHIPPED.embedders["minilm_static"])
    assert (static.mteb, static.active) == (None, 0)
    assert SHIPPED.known().mteb == {"minilm": 56.3}


def test_a_model_that_is_a_table_keeps_its_average():
    static = {name: facts_of(SHIPPED.embedders[name]) for name in ("potion_8m", "wordllama")}
    assert {name: (facts.mteb, facts.active) for name, facts in static.items()} == {
        "potion_8m": (51.08, 0),
        "wordllama": (49.36, 0),
    }


def test_vectors_that_are_cut_have_the_average_of_their_width_if_any():
    def cut(name, dim):
        return facts_of(SHIPPED.embedders[name].model_copy(update={"truncate_dim": dim}))

    assert facts_of(SHIPPED.embedders["wordllama_64"]) == cut("wordllama", 64)
    widths = [(cut("wordllama", dim).dim, cut("wordllama", dim).mteb) for dim in (32, 64, 128, 256, None)]
    assert widths == [(32, None), (64, 45.70), (128, 48.15), (256, 49.36), (256, 49.36)]
    assert (cut("mpnet", 100).dim, cut("mpnet", 100).mteb, cut("mpnet", 768).mteb) == (100, None, 57.8)


def test_the_averages_of_cut_vectors_follow_from_what_wordllama_publishes():
    # Tasks of a category in MTEB, and WordLlama's scores at 64, 128 and 256 dimensions; of the 15 retrieval tasks it
    # gives CQADupStack alone.
    scores = {
        "classification": (12, 53.14, 56.25, 58.21),
        "clustering": (11, 30.27, 32.20, 33.25),
        "pairs": (3, 75.80, 77.59, 78.22),
        "reranking": (4, 50.38, 51.52, 52.03),
        "retrieval": (15, 18.76, 22.54, 24.12),
        "similarity": (10, 66.24, 67.53, 67.91),
        "summaries": (1, 30.79, 29.99, 30.99),
    }
    tasks, *columns = np.array(list(scores.values())).T
    narrow, middle, whole = (tasks @ column / 56 for column in columns)
    facts = facts_of(SHIPPED.embedders["wordllama"])
    assert facts.mteb_cut[64] == pytest.approx(facts.mteb + narrow - whole, abs=0.005)
    assert facts.mteb_cut[128] == pytest.approx(facts.mteb + middle - whole, abs=0.005)
    assert SHIPPED.known().marks["minilm", "docs_kind"] == "related"
