import math
from pathlib import Path

import pytest

from nofreelunch import params
from nofreelunch.base import storage
from nofreelunch.cli import estimate
from nofreelunch.cli.calibration import cpu_flops
from nofreelunch.cli.estimate import Fleet, Stages, TaskSize, downstream
from nofreelunch.params import Params
from nofreelunch.tasks.spec import DocsTask, FilesTask, HubTask

SHIPPED = params.load(Path(__file__).parents[1] / "params.yaml")


def changed(**sections) -> Params:
    return SHIPPED.model_copy(update=sections)


def test_a_changed_stage_pulls_all_that_depend_on_it():
    nothing = Stages([], [], [], [], False, False, False)
    assert downstream(set(), ["a", "b"], ["x", "y"]) == nothing
    assert str(nothing) == "none"
    cell, all_of_a = [("a", "x")], [("a", "x"), ("a", "y")]
    assert downstream({"active_learn@a-x"}, ["a", "b"], ["x", "y"]) == Stages([], [], [], cell, True, True, True)
    assert downstream({"embed@a-x"}, ["a", "b"], ["x", "y"]) == Stages([], cell, cell, cell, True, True, True)
    assert downstream({"download@a"}, ["a", "b"], ["x", "y"]) == Stages(
        ["a"], all_of_a, all_of_a, all_of_a, True, True, True
    )
    assert str(downstream({"plot"}, ["a"], ["x"])) == "1 plot"


def test_sizes_come_from_the_registry_and_the_caps(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOFREELUNCH_DATA_ROOT", raising=False)
    assert estimate.task_size(SHIPPED, "ag_news") == TaskSize(20_000, 5_000, 53, 1, False)
    assert estimate.task_size(SHIPPED, "sst2") == TaskSize(20_000, 872, 13, 1, False)
    assert estimate.task_size(SHIPPED, "ag_news", official=True) == TaskSize(120_000, 7_600, 53, 1, False)
    everything = HubTask(
        source="hub", hub="nyu-mll/glue", config="mnli", text_pair="b", pair_format="concat", train=None, test=None
    )
    loaded = changed(datasets={"mnli": everything, "own": FilesTask(source="files", train_file="own.csv", train=70)})
    assert estimate.task_size(loaded, "mnli") == TaskSize(392_702, 9_815, 40, 2, False)
    assert estimate.task_size(loaded, "own").train == 70


def test_sizes_of_a_task_that_is_there_are_counted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data/tasks/docs_kind"
    storage.write_json(folder / "card.json", {"train": {"rows": 3}, "test": {"rows": 2}})
    storage.write_table(folder / "train.parquet", {"text": ["x" * 44] * 3, "label": [0, 1, 0]})
    assert estimate.task_size(SHIPPED, "docs_kind") == TaskSize(3, 2, pytest.approx(10), 1, True)


def test_rows_of_the_mirror_are_counted(tmp_path, monkeypatch):
    storage.write_table(tmp_path / "trec6/train.parquet", {"text": ["a"] * 7})
    storage.write_table(tmp_path / "trec6/test.parquet", {"text": ["a"] * 5})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOFREELUNCH_DATA_ROOT", str(tmp_path))
    size = estimate.task_size(SHIPPED, "trec6")
    assert (size.train, size.test) == (7, 5)


def test_cost_of_embedding_by_hand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    single, pair = TaskSize(90, 10, 50.0, 1, True), TaskSize(90, 10, 50.0, 2, True)
    minilm = estimate.embedding(SHIPPED, "sst2", "minilm", single)
    assert (minilm.texts, minilm.tokens) == (100, 5_000)
    assert minilm.operations == 2 * 5_000 * 10_992_768
    assert minilm.disk == 4 * 384 * 300
    both = estimate.embedding(SHIPPED, "mnli", "minilm", pair)
    assert (both.texts, both.tokens) == (200, 5_000)
    assert both.disk == 4 * 384 * (2 * 100 * 4 + 200)
    instructed = estimate.embedding(SHIPPED, "sst2", "nv_embed_v2", single)
    assert instructed.tokens > 5_000 + 100 * 10
    assert estimate.embedding(SHIPPED, "sst2", "lsa", single).operations == 0
    own = changed(embedders={"own": SHIPPED.embedders["minilm"].model_copy(update={"hub": "somebody/else"})})
    assert math.isnan(estimate.embedding(own, "sst2", "own", single).operations)
    long = estimate.embedding(SHIPPED, "sst2", "minilm", TaskSize(90, 10, 1e6, 1, True))
    assert long.tokens == 100 * 256


@pytest.mark.parametrize(("device", "rates"), [("cpu", (12.5, None)), ("cuda", (None, 12.5))])
def test_an_earlier_run_gives_the_rate_of_its_device(tmp_path, monkeypatch, device, rates):
    monkeypatch.chdir(tmp_path)
    rate = {"device": device, "texts_per_second": 12.5}
    storage.write_json(tmp_path / "data/timings/sst2/minilm.embed.json", rate)
    cost = estimate.embedding(SHIPPED, "sst2", "minilm", TaskSize(1, 1, 5.0, 1, True))
    assert (cost.cpu_rate, cost.gpu_rate) == rates


def test_learning_grows_with_rows_rounds_and_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = changed(budget=SHIPPED.budget.model_copy(update={"track": "glae"}))
    base = estimate.learning_seconds(shipped, "sst2", "minilm", TaskSize(20_000, 872, 13, 1, True))
    fits = estimate.CHOOSING * 8 * 384 * (estimate.FIT_SECONDS + 2 * estimate.FIT_SECONDS_PER_CLASS)
    queries = sum(estimate.QUERY_SECONDS[name] for name in SHIPPED.grid.strategies)
    assert base == pytest.approx(16 * 2 * 5 * (queries + fits))
    half = estimate.learning_seconds(shipped, "sst2", "minilm", TaskSize(10_000, 872, 13, 1, True))
    assert half == pytest.approx(16 * 2 * 5 * (queries / 2 + fits))
    tiny = estimate.learning_seconds(shipped, "sst2", "minilm", TaskSize(350, 872, 13, 1, True))
    assert tiny == pytest.approx(3 * 2 * 5 * (queries * 350 / 20_000 + fits))
    storage.write_table(
        tmp_path / "data/timings/sst2/minilm.seconds.parquet",
        {"round": [0, 1], "query_seconds": [1.0, 2.0], "fit_seconds": [0.5, 0.5]},
    )
    known = estimate.learning_seconds(shipped, "sst2", "minilm", TaskSize(20_000, 872, 13, 1, True))
    assert known == pytest.approx(16 * 2 * 8 * 5 * 2.0)


def test_bait_grows_with_the_square_of_the_dimensions(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    grid = SHIPPED.grid.model_copy(update={"strategies": ["bait"], "pools": ["random"], "seeds": 1})
    size = TaskSize(20_000, 872, 13, 1, True)
    budget = SHIPPED.budget.model_copy(update={"track": "glae"})
    head = SHIPPED.head.model_copy(update={"C": 10.0})
    seconds = estimate.learning_seconds(changed(grid=grid, budget=budget, head=head), "sst2", "minilm", size)
    fit = 384 * (estimate.FIT_SECONDS + 2 * estimate.FIT_SECONDS_PER_CLASS)
    assert seconds == pytest.approx(16 * (estimate.bait_seconds(20_000, 384) + fit))


def test_baits_query_is_near_what_was_measured():
    """CPU seconds of `benchmarks.query --only bait`."""
    for rows, width, measured in ((20_000, 384, 0.39), (20_000, 1_024, 1.11), (20_000, 4_096, 12.2)):
        assert estimate.bait_seconds(rows, width) == pytest.approx(measured, rel=0.2)


def test_a_gpus_share_grows_with_the_model():
    """Texts a second × tokens × two operations for each weight, of 790 TFLOP/s: the H200's table by hand."""
    assert estimate.gpu_share(10_646_784) == pytest.approx(1_098 * 54 * 2 * 10_646_784 / 790e12, rel=0.25)
    assert estimate.gpu_share(6_525_621_760) == pytest.approx(119e12 / 790e12, rel=0.02)
    assert [estimate.gpu_share(size) for size in (0, 1_000, 10**12)] == pytest.approx([0.0019, 0.0019, 0.15])
    between = [estimate.gpu_share(10**power) for power in (7, 8, 9, 10)]
    assert between == sorted(between)


def test_what_a_fleet_takes_by_hand():
    assert Fleet(8, 16).hours(16.0, 4_000.0, 160.0) == (2.0, 10.0)
    assert Fleet(0, 16).hours(16.0, 4_000.0, 160.0) == (250.0, 10.0)


def test_the_built_in_pair_task_is_known_as_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert isinstance(SHIPPED.datasets["docs_param"], DocsTask)
    assert estimate.task_size(SHIPPED, "docs_param").parts == 2


def test_the_calibration_is_positive_and_short():
    assert cpu_flops(0.01) > 1e8


def test_the_rows_of_own_files_are_counted_before_the_task_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lines = [f"a text {i},{i % 2}" for i in range(80)]
    (tmp_path / "own.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    (tmp_path / "more.csv").write_text("\n".join(["text,label", *lines[:30]]) + "\n")

    def sizes(**entry):
        task = FilesTask(source="files", train_file="own.csv", **entry)
        size = estimate.task_size(changed(datasets={"own": task}), "own")
        return size.train, size.test

    assert sizes() == (60, 20)
    assert sizes(test_share=0.1) == (72, 8)
    # Thirty texts of the pool are test rows, and are left out.
    assert sizes(test_file="more.csv") == (50, 30)
    assert sizes(train=50) == (50, 20)
