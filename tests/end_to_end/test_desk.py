"""A person's export, from the file to the report, to what was dropped, and back to the row of every text picked."""

import csv
import json
import random

import pyarrow.parquet as pq
import pytest
from dvc_project import Project, ran

pytestmark = pytest.mark.slow
TOPICS = {
    "Küche": "kochen Topf Löffel Suppe Herd Teller Salz",
    "Garten": "Blume Erde gießen Baum Säge Wiese Laub",
    "🦊": "Fuchs Wald Bau Pfote Fell Fährte Nacht",
}
STORES = (".dvc/cache", "store")
SUMMARISING = {"aggregate", "plot", "report"}


def export(path):
    """Semicolons, cp1252, blanks, duplicates, incomplete rows, two lines in a cell; a class of two. Gives its rows."""
    rng, rows = random.Random(0), []
    for i in range(90):
        topic = ("Küche", "Garten")[i % 2]
        rows.append(
            (str(1000 + i), " ".join(rng.choices(TOPICS[topic].split(), k=6)) + f" – {i}", topic + " " * (i % 7 == 0))
        )
    rows[4] = (rows[4][0], f"{rows[4][1]}\nund «weiter»; so", rows[4][2])
    rows.insert(10, ("", "", ""))
    rows.insert(20, ("1900", "ohne Klasse", " "))
    rows += [
        ("1901", rows[0][1], "Küche"),
        ("1902", rows[1][1], "Küche"),
        ("1903", "selten eins", "Mäuse"),
        ("1904", "selten zwei", "Mäuse"),
    ]
    with path.open("w", encoding="cp1252", newline="") as handle:
        csv.writer(handle, delimiter=";").writerows([("Nr", "Text", "Thema"), *rows])
    return rows


def test_from_a_desk_to_the_report_and_back(tmp_path):
    project = Project(tmp_path)
    rows = export(tmp_path / "export.csv")
    entry = {"source": "files", "train_file": "export.csv", "text": "Text", "label": "Thema", "id": "Nr"}

    def say(*command):
        return project.python("-m", "nofreelunch", *command)

    project.change(
        {
            "grid": {"datasets": ["mine"], "embedders": ["hashing"], "strategies": ["random", "margin"], "seeds": 2},
            "focus": {"embedder": "hashing"},
            "budget": {"track": "custom", "custom": {"initial": 6, "batch": 6, "rounds": 2}},
            "datasets": {"mine": entry},
        }
    )
    assert "'encoding: cp1252'" in say("check")
    project.change({"datasets": {"mine": entry | {"encoding": "cp1252"}}})
    assert "export.csv: line 13 has no text (2 of 96 rows are incomplete)" in say("check")
    project.change({"datasets": {"mine": entry | {"encoding": "cp1252", "drop_incomplete": True}}})
    said = say("check")
    for line in (
        "mine: 96 rows read; left out: 2 without text or label, 2 with a text that came before",
        "mine: 1 text has more than one label; the first row of each is kept",
        "mine: read as one class 'Küche': 'Küche' (40), 'Küche ' (7)",
        "mine: classes with fewer than 10 rows: Mäuse (2)",
    ):
        assert line in said
    output = project.dvc("repro")
    assert ran(output) == {
        "download@mine",
        "outside",
        "own_vectors",
        *(f"{name}@mine-hashing" for name in ("embed", "initialize", "active_learn")),
        *SUMMARISING,
    }
    assert "read=96 incomplete=2 duplicates=2 texts_in_two_classes=1 label_rows_merged=" in output
    card = json.loads((tmp_path / "data/tasks/mine/card.json").read_text())
    kept = sum(len(pq.read_table(tmp_path / f"data/tasks/mine/{split}.parquet")) for split in ("train", "test"))
    removed = sum(card["duplicates_removed"].values()) + sum(card["incomplete_rows_dropped"].values())
    assert kept + removed == sum(card["rows_read"].values()) == 96
    assert (tmp_path / "plots/report.html").is_file()

    # Every text that was picked is found in the file again, by its row, its line and its number.
    say("picks", "mine", "hashing", "--strategy", "margin", "--seed", "1", "--csv", "picks.csv")
    with (tmp_path / "picks.csv").open(encoding="utf-8-sig", newline="") as handle:
        picks = list(csv.DictReader(handle))
    lines = (tmp_path / "export.csv").read_text(encoding="cp1252").splitlines()
    assert len(picks) == 18
    for row in picks:
        assert rows[int(row["source_row"])][:2] == (row["id"], row["text"])
        assert lines[int(row["source_line"]) - 1].startswith(row["id"] + ";")

    # Nothing changed, nothing runs; a changed file does, and no copy of it is kept where it could be pushed from.
    assert ran(project.dvc("repro")) == set()
    assert project.dvc("status").strip() == "Data and pipelines are up to date."
    content = (tmp_path / "export.csv").read_bytes()
    changed = content.replace(b"1904;selten zwei", b"1904;selten drei")
    (tmp_path / "export.csv").write_bytes(changed)
    assert ran(project.dvc("repro", "download")) == {"download@mine"}
    texts = [
        t
        for split in ("train", "test")
        for t in pq.read_table(tmp_path / f"data/tasks/mine/{split}.parquet")["text"].to_pylist()
    ]
    assert "selten drei" in texts
    (tmp_path / "export.csv").write_bytes(content)
    assert ran(project.dvc("repro", "download")) == {"download@mine"}
    project.dvc("remote", "add", "--default", "store", str(tmp_path / "store"))
    project.dvc("push", "--run-cache")
    kept = {
        folder: [path.read_bytes() for path in (tmp_path / folder).rglob("*") if path.is_file()] for folder in STORES
    }
    assert not {content, changed} & {file for files in kept.values() for file in files}
    assert not [file for file in kept["store"] if b"selten drei" in file]

    # A file that is gone stops with its name, and one of another name goes on.
    (tmp_path / "export.csv").rename(tmp_path / "other.csv")
    assert "export.csv does not exist" in say("check")
    project.change(
        {"datasets": {"mine": entry | {"encoding": "cp1252", "drop_incomplete": True, "train_file": "other.csv"}}}
    )
    assert "96 rows read" in say("check")
    assert ran(project.dvc("repro", "download")) == {"download@mine"}
