from pathlib import Path

import pytest

from nofreelunch import params
from nofreelunch.base import registry
from nofreelunch.cli import show
from nofreelunch.cli.named_grids import SEVEN_EMBEDDERS, TEN_TASKS
from nofreelunch.cli.text_table import text_table

SHIPPED = params.load(Path(__file__).parents[2] / "params.yaml")


def cells(table):
    """Marks of the contamination table by (embedder, task)."""
    header, *lines = (line.split() for line in table.splitlines())
    return {(line[0], task): mark for line in lines for task, mark in zip(header[1:], line[1:], strict=True)}


def test_columns_are_aligned():
    assert text_table(["name", "n"], [["ä", "1,000"], ["long", "–"]]) == "name      n\nä     1,000\nlong      –"


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


def test_every_flag_has_its_evidence():
    lines = "\n".join(show.evidence(SHIPPED))
    for name, facts in registry.EMBEDDERS.items():
        for task, source in [*facts.trained_on.items(), *facts.related.items()]:
            assert f"{task}: {source}" in lines
            assert name in lines


@pytest.mark.parametrize("name", TEN_TASKS)
def test_the_ten_tasks_are_registered_with_facts(name):
    assert SHIPPED.datasets[name].source == "hub"
    assert name in registry.TASKS


def test_the_embedders_of_the_protocol_are_registered_with_facts():
    assert set(SEVEN_EMBEDDERS) <= set(SHIPPED.embedders)
    assert set(SHIPPED.embedders) == set(registry.EMBEDDERS)
    for name, spec in SHIPPED.embedders.items():
        dim = getattr(spec, "dim", None)
        assert dim is None or dim == registry.EMBEDDERS[name].dim


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


def test_an_embedder_of_ones_own_is_unknown():
    assert registry.seen("mine", "mnli") == "unknown"
