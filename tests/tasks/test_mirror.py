import json
from pathlib import Path

import pytest

from nofreelunch import params
from nofreelunch.base.errors import UserError
from nofreelunch.cli.named_grids import TEN_TASKS
from nofreelunch.tasks.build import build_task
from nofreelunch.tasks.spec import HubTask

SPEC = HubTask(source="hub", hub="me/tiny", text="sentence", text_pair="other", label="stance")
PROJECT = Path(__file__).parents[2]
REAL = PROJECT.parent / "shared" / "data"


@pytest.fixture
def mirror(tmp_path, monkeypatch, parquet):
    """Write a mirror with the task 'tiny' and point the environment at it."""

    def written(train, test, card=None):
        folder = tmp_path / "mirror" / "tiny"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "train.parquet").write_bytes(parquet(train))
        (folder / "test.parquet").write_bytes(parquet(test))
        if card is not None:
            (folder / "card.json").write_text(json.dumps(card))
        monkeypatch.setenv("NOFREELUNCH_DATA_ROOT", str(tmp_path / "mirror"))

    return written


PAIRS = {
    "text": ["a", "b", "c"],
    "text_pair": ["x", "y", "z"],
    "label": [1, 0, 2],
    "label_name": ["one", "zero", "two"],
}


def test_it_takes_the_place_of_the_hub(mirror):
    mirror(PAIRS, {key: values[:2] for key, values in PAIRS.items()}, {"licence_stated": "MIT", "status": "complete"})
    task = build_task(SPEC, "tiny")
    assert (task.train.text, task.train.text_pair) == (PAIRS["text"], PAIRS["text_pair"])
    assert task.class_names == ("zero", "one", "two")
    assert task.train.label.tolist() == [1, 0, 2]
    assert (task.card["source"], task.card["revision"], task.card["licence"]) == ("local mirror", None, "MIT")
    assert list(task.card["files"]) == ["tiny/train.parquet", "tiny/test.parquet"]


def test_names_are_optional_and_nothing_of_the_folder_is_in_the_card(mirror, tmp_path):
    columns = {key: values for key, values in PAIRS.items() if key != "label_name"}
    mirror(columns, columns)
    task = build_task(SPEC, "tiny")
    assert task.class_names == ("0", "1", "2")
    assert str(tmp_path) not in json.dumps(task.card)


def test_an_absent_task_says_where_to_put_it(mirror):
    mirror(PAIRS, PAIRS)
    with pytest.raises(UserError, match=r"has no folder 'other'. Put other/train.parquet .* or unset NOFREELUNCH_DATA"):
        build_task(SPEC, "other")


def test_a_pair_task_needs_pairs(mirror):
    single = {key: values for key, values in PAIRS.items() if key != "text_pair"}
    mirror(single, single)
    with pytest.raises(UserError, match=r"unknown column 'text_pair'"):
        build_task(SPEC, "tiny")


def test_two_names_for_one_class_are_refused(mirror):
    mirror(PAIRS, PAIRS | {"label_name": ["uno", "zero", "two"]})
    with pytest.raises(UserError, match=r"class 1 is called both 'one' and 'uno'"):
        build_task(SPEC, "tiny")


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the mirror beside the project")
@pytest.mark.parametrize("name", TEN_TASKS)
def test_the_ten_tasks_have_the_counts_of_their_data_cards(monkeypatch, name):
    monkeypatch.setenv("NOFREELUNCH_DATA_ROOT", str(REAL))
    spec = params.load(PROJECT / "params.yaml").datasets[name]
    task = build_task(spec, name)
    card = json.loads((REAL / name / "card.json").read_text())
    assert set(task.class_names) == set(card["class_names"])
    for split, found in (("train", task.train), ("test", task.test)):
        counts = {c: found.label.tolist().count(i) for i, c in enumerate(task.class_names)}
        assert {c: count for c, count in counts.items() if count} == card[split]["class_counts"]
        assert task.card["duplicates_kept"][split] == card[split]["exact_duplicate_rows"]
    assert (task.train.text_pair is not None) == (card["task"] == "pair")
