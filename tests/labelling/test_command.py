"""The loop on a file as a person walks through it: list, spreadsheet, merge, list."""

import csv
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from nofreelunch.labelling.own_file import read_own
from nofreelunch.tasks.columns import Reading

PROJECT = Path(__file__).parents[2]
WORDS = {
    "billing": "invoice amount charged twice card fee euro month bill tax",
    "refund": "money back return parcel damaged refund send item box claim",
    "login": "password account reset locked email sign code phone user two",
}


def texts(n=240, seed=0):
    """Texts of three classes, told apart by most of their words."""
    rng = np.random.default_rng(seed)
    names = list(WORDS)
    found = []
    for i in range(n):
        name = names[i % 3]
        other = names[rng.integers(3)]
        words = [*rng.choice(WORDS[name].split(), 6), *rng.choice(WORDS[other].split(), 3), f"n{i}", f"m{i}"]
        found.append((" ".join(words), name))
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    content = yaml.safe_load((PROJECT / "params.yaml").read_text())
    content["embedders"]["hashing"]["dim"] = 128
    content["focus"]["embedder"] = "hashing"
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture
def desk(project, tmp_path, monkeypatch, capsys):
    """A folder, and the command in it: status, what it prints and what it says of errors."""
    shutil.copy(project / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NOFREELUNCH_CACHE", str(project / "cache"))
    monkeypatch.setenv("NOFREELUNCH_QUIET", "1")

    def run(*arguments):
        from nofreelunch.__main__ import main

        monkeypatch.setattr(sys, "argv", ["nofreelunch", "label", *arguments])
        with pytest.raises(SystemExit) as stopped:
            main()
        return stopped.value.code or 0, *capsys.readouterr()

    run.folder = tmp_path
    return run


WHY_FAR = "far from all labelled texts"
FILE = ("my.csv", "--text", "words", "--label", "kind", "--encoding", "cp1252", "--batch", "20")


def write(path, rows, delimiter=";", encoding="cp1252", end="\r\n"):
    buffer = io.StringIO(newline="")
    table = csv.writer(buffer, delimiter=delimiter, lineterminator=end)
    table.writerows([["id", "words", "kind", "note"], *rows])
    path.write_bytes(buffer.getvalue().encode(encoding))


def table_of(path, encoding="cp1252", delimiter=";"):
    return list(csv.reader(io.StringIO(path.read_bytes().decode(encoding), newline=""), delimiter=delimiter))


def fill(path, truth, encoding="cp1252", delimiter=";"):
    """Answer every row of a list as a person would in a spreadsheet."""
    header, *rows = table_of(path, encoding, delimiter)
    for row in rows:
        row[header.index("kind")] = truth[int(row[0]) - 1]
    with path.open("w", encoding=encoding, newline="") as handle:
        csv.writer(handle, delimiter=delimiter).writerows([header, *rows])


def test_a_newcomers_afternoon(desk):
    found = texts()
    truth = [name for _, name in found]
    path = desk.folder / "my.csv"
    write(path, [[i, f"{text} é;", "", "keep me "] for i, (text, _) in enumerate(found)])
    original = path.read_bytes()
    code, out, err = desk(*FILE)
    assert (code, err) == (0, "")
    assert "240 rows, 240 distinct texts, 0 of them labelled" in out
    assert "There is no model yet" in out
    assert path.read_bytes() == original
    header, *rows = table_of(desk.folder / "my.next.csv")
    assert header == ["row", "rank", "words", "kind", "proposed", "probability", "why"]
    assert [row[1] for row in rows] == [str(i) for i in range(1, 21)]
    assert [row[6] for row in rows[:5]] == ["audit"] * 5
    assert {row[3] for row in rows} == {""}

    for batch in range(1, 5):
        fill(desk.folder / "my.next.csv", truth)
        code, out, err = desk(*FILE, "--merge", "my.next.csv")
        assert (code, err) == (0, "")
        assert "my.next.csv: 20 answers put into my.csv" in out
        assert f"{20 * batch} of them labelled" in out
    after = table_of(path)
    assert sum(bool(row[2]) for row in after[1:]) == 80
    assert all(row[2] in ("", truth[int(row[0])]) for row in after[1:])
    for row in after[1:]:
        row[2] = ""
    write(desk.folder / "emptied.csv", after[1:])
    assert (desk.folder / "emptied.csv").read_bytes() == original
    assert "Accuracy " in out
    assert "from 20 audited texts" in out
    assert "Always answering" in out
    rows = table_of(desk.folder / "my.next.csv")[1:]
    assert {row[6].partition(" between ")[0] for row in rows} <= {"audit", "undecided", WHY_FAR, "chosen by badge"}
    assert all((row[4] == "") == (row[6] == "audit") for row in rows)
    assert len(json.loads((desk.folder / "my.history.json").read_text())["batches"]) == 4
    page = (desk.folder / "my.report.html").read_text()
    assert "How good is the model?" in page
    assert "<svg" in page


@pytest.fixture
def begun(desk):
    """A file of 60 texts, 30 of them labelled, and its list."""
    found = texts(60)
    write(desk.folder / "my.csv", [[i, text, name if i < 30 else "", ""] for i, (text, name) in enumerate(found)])
    assert desk(*FILE)[0] == 0
    desk.truth = [name for _, name in found]
    return desk


def answer(path, **by_rank):
    header, *rows = table_of(path)
    for rank, label in by_rank.items():
        rows[int(rank[1:]) - 1][3] = label
    with path.open("w", encoding="cp1252", newline="") as handle:
        csv.writer(handle, delimiter=";").writerows([header, *rows])
    return [int(row[0]) - 1 for row in rows]


def test_conflicts_are_shown_and_nothing_typed_is_lost(begun):
    path, listed = begun.folder / "my.csv", begun.folder / "my.next.csv"
    rows = answer(listed, r1="login", r2="refund", r3="login")
    table = table_of(path)
    table[rows[0] + 1][2] = "billing"
    write(path, table[1:])
    typed = listed.read_bytes()
    code, _, err = begun(*FILE, "--merge", "my.next.csv")
    assert code == 1
    assert "2 answers put into my.csv" in err
    assert "'billing' stands there, and the answer is 'login'. Correct one of them." in err
    after = table_of(path)
    assert [after[rows[i] + 1][2] for i in range(3)] == ["billing", "refund", "login"]
    assert listed.read_bytes() == typed
    code, _, err = begun(*FILE)
    assert code == 1
    assert "holds 1 answers that my.csv does not have" in err
    assert listed.read_bytes() == typed


def test_a_forgotten_merge_is_noticed(begun):
    answer(begun.folder / "my.next.csv", r4="login")
    code, _, err = begun(*FILE)
    assert code == 1
    assert "Put them in by --merge my.next.csv" in err


def test_a_label_that_is_almost_known_is_asked_about(begun):
    rows = answer(begun.folder / "my.next.csv", r1="Login", r2="login ", r3="other")
    code, _, err = begun(*FILE, "--merge", "my.next.csv")
    assert code == 1
    assert "'Login' differs from 'login' by case or blanks alone" in err
    assert "'login ' differs from 'login' by case or blanks alone" in err
    assert "new: other" in err
    code, _, err = begun(*FILE, "--merge", "my.next.csv", "--accept-new")
    assert (code, err) == (0, "")
    assert table_of(begun.folder / "my.csv")[rows[0] + 1][2] == "Login"
    code, _, err = begun(*FILE)
    assert code == 1
    assert "differ in upper and lower case alone" in err


def test_an_answer_follows_its_text_when_rows_moved(begun):
    path = begun.folder / "my.csv"
    rows = answer(begun.folder / "my.next.csv", r1="login")
    text = table_of(path)[rows[0] + 1][1]
    write(path, table_of(path)[:0:-1])
    assert begun(*FILE, "--merge", "my.next.csv")[0] == 0
    assert next(row[2] for row in table_of(path) if row[1] == text) == "login"
    answer(begun.folder / "my.next.csv", r1="login")
    write(path, [row for row in table_of(path)[1:] if row[2]])
    code, _, err = begun(*FILE, "--merge", "my.next.csv")
    assert code == 1
    assert "no row of my.csv has the text" in err


def test_columns_of_ones_own_in_a_list_are_kept(begun):
    listed = begun.folder / "my.next.csv"
    table = [[*row, "thought"] for row in table_of(listed)]
    with listed.open("w", encoding="cp1252", newline="") as handle:
        csv.writer(handle, delimiter=";").writerows(table)
    kept = listed.read_bytes()
    assert begun(*FILE)[0] == 0
    assert (begun.folder / "my.next.1.csv").read_bytes() == kept
    assert begun(*FILE)[0] == 0
    assert not (begun.folder / "my.next.2.csv").exists()


@pytest.mark.parametrize("form", ["utf-8", "utf-8-sig", "comma", "xlsx"])
def test_a_list_comes_back_however_it_was_saved(begun, form):
    header, *rows = table_of(begun.folder / "my.next.csv")
    rows[0][3] = "login"
    if form == "xlsx":
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        for row in [header, *rows]:
            book.active.append(row)
        path = begun.folder / "back.xlsx"
        book.save(path)
    else:
        path = begun.folder / "back.csv"
        encoding, delimiter = ("utf-8", ",") if form == "comma" else (form, ";")
        with path.open("w", encoding=encoding, newline="") as handle:
            csv.writer(handle, delimiter=delimiter).writerows([header, *rows])
    assert begun(*FILE, "--merge", path.name)[0] == 0
    assert table_of(begun.folder / "my.csv")[int(rows[0][0])][2] == "login"


def test_skipped_texts_are_asked_no_more(begun):
    rows = answer(begun.folder / "my.next.csv", r1="?", r7="?")
    code, out, _ = begun(*FILE, "--merge", "my.next.csv")
    assert code == 0
    assert "2 skipped" in out
    assert not {rows[0] + 1, rows[6] + 1} & {int(row[0]) for row in table_of(begun.folder / "my.next.csv")[1:]}


def test_tasks_go_to_label_studio_and_come_back(begun):
    code, _, err = begun(*FILE, "--export-label-studio", "tasks.json")
    assert (code, err) == (0, "")
    path = begun.folder / "tasks.json"
    tasks = json.loads(path.read_text())
    listed = table_of(begun.folder / "my.next.csv")[1:]
    assert [task["data"]["row"] for task in tasks] == [int(row[0]) for row in listed]
    assert [task["data"]["rank"] for task in tasks] == list(range(1, len(tasks) + 1))
    predicted = next(task for task in tasks if task["predictions"])
    assert predicted["predictions"][0]["result"][0]["value"]["choices"][0] in WORDS
    assert 0 < predicted["predictions"][0]["score"] <= 1
    assert not tasks[0]["predictions"]
    choice = {"result": [{"value": {"choices": ["login"]}, "type": "choices"}]}
    tasks[0]["annotations"] = [choice]
    tasks[1]["annotations"] = [{"was_cancelled": True, "result": []}]
    path.write_text(json.dumps(tasks))
    code, _, err = begun(*FILE, "--export-label-studio", "tasks.json")
    assert code == 1
    assert "holds something else than our tasks without answers" in err
    assert begun(*FILE, "--merge", "tasks.json")[0] == 0
    after = table_of(begun.folder / "my.csv")
    assert after[tasks[0]["data"]["row"]][2] == "login"
    assert after[tasks[1]["data"]["row"]][2] == "?"


def test_predictions_of_every_row(begun):
    assert begun(*FILE, "--predict", "out.csv")[0] == 0
    header, *rows = table_of(begun.folder / "out.csv")
    assert header == ["row", "words", "kind", "probability", "source"]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 61)]
    assert {row[4] for row in rows[:30]} == {"yours"}
    assert {row[4] for row in rows[30:]} == {"model"}
    right = [row[2] == name for row, name in zip(rows, begun.truth, strict=True)]
    assert all(right[:30])
    assert sum(right[30:]) >= 20
    assert begun(*FILE, "--predict", "out.csv")[0] == 0
    code, _, err = begun(*FILE, "--predict", "my.csv")
    assert code == 1
    assert "holds no predictions of ours" in err


def test_a_rule_for_stopping_is_an_exit_status(begun):
    code, out, _ = begun(*FILE, "--stop-when", "labels>=30")
    assert (code, out.splitlines()[-1][:5]) == (3, "Stop ")
    code, out, _ = begun(*FILE, "--stop-when", "labels>=31")
    assert (code, out.splitlines()[-1][:5]) == (0, "Go on")
    code, _, err = begun(*FILE, "--stop-when", "luck>3")
    assert code == 1
    assert "luck" in err


def test_twins_are_asked_once_and_contradictions_shown(desk):
    found = texts(60)
    rows = [[i, text, name if i < 30 else "", ""] for i, (text, name) in enumerate(found)]
    rows += [[60, found[0][0].upper() + "!", "login", ""], [61, found[1][0] + ".", "", ""], [62, found[40][0], "", ""]]
    write(desk.folder / "my.csv", rows)
    code, out, _ = desk(*FILE, "--batch", "100", "--predict", "out.csv")
    assert code == 0
    assert "63 rows, 60 distinct texts, 30 of them labelled, 3 near-duplicates of others, asked once" in out
    assert "near-duplicates that contradict each other: line 2 'billing', line 62 'login'" in out
    asked = [int(row[0]) for row in table_of(desk.folder / "my.next.csv")[1:]]
    assert sorted(asked) == list(range(31, 61))
    predicted = table_of(desk.folder / "out.csv")
    assert predicted[62][2:] == ["refund", "1.000", "twin"]
    assert desk(*FILE, "--batch", "100", "--keep-twins")[0] == 0
    asked = [int(row[0]) for row in table_of(desk.folder / "my.next.csv")[1:]]
    assert 62 in asked


def test_named_classes_and_an_aim(begun):
    code, out, _ = begun(*FILE, "--classes", "billing,refund,login,fraud")
    assert code == 0
    assert "No text of class 'fraud' has been seen yet." in out
    code, out, _ = begun(*FILE, "--aim", "login", "--audit", "0")
    assert code == 0
    assert {row[6] for row in table_of(begun.folder / "my.next.csv")[1:]} == {"near the texts labelled login"}
    code, _, err = begun(*FILE, "--aim", "logn")
    assert code == 1
    assert "Did you mean 'login'?" in err


def test_without_an_audit_the_accuracy_is_not_known(begun):
    _, out, _ = begun(*FILE, "--audit", "0")
    assert "The accuracy is not known: the audit is off" in out
    assert "audit" not in {row[6] for row in table_of(begun.folder / "my.next.csv")[1:]}


def test_when_all_is_labelled_nothing_is_left(desk):
    write(desk.folder / "my.csv", [[i, text, name, ""] for i, (text, name) in enumerate(texts(40))])
    code, out, _ = desk(*FILE)
    assert code == 0
    assert "0 texts to label next (none is left)" in out
    assert "from 10 audited texts" in out or "audited texts" in out
    code, out, _ = desk(*FILE[:-1], "8", "--simulate", "--seeds", "2", "--seconds-per-label", "30")
    assert code == 0
    assert "hours saved" in out


def test_one_class_only_and_an_empty_text(desk):
    rows = [[i, text, "x" if i < 3 else "", ""] for i, (text, _) in enumerate(texts(30))]
    rows += [[30, "", "", ""], [31, " ", "x", ""]]
    write(desk.folder / "my.csv", rows)
    code, out, _ = desk(*FILE, "--predict", "out.csv")
    assert code == 0
    assert "2 rows without a text, left out" in out
    assert "There is no model yet" in out
    assert table_of(desk.folder / "out.csv")[31][2:] == ["", "", ""]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("no.csv",), "no.csv does not exist"),
        (("my.csv", "--text", "word"), "Did you mean 'words'?"),
        (("my.csv", "--text", "words", "--label", "kin"), "add an empty column 'kin'"),
        ((*FILE, "--embedder", "hash"), "Did you mean 'hashing'?"),
        ((*FILE, "--strategy", "bagde"), "Did you mean 'badge'?"),
        ((*FILE, "--strategy", "oracle"), "needs the true labels"),
        ((*FILE, "--start", "typi"), "Did you mean 'typiclust'?"),
        ((*FILE, "--batch", "0"), "at least 1 text"),
        ((*FILE, "--audit", "30"), "0 to 20 are for the audit"),
        ((*FILE, "--merge", "no.csv"), "no.csv does not exist"),
        ((*FILE, "--merge", "my.csv"), "is the file itself"),
        ((*FILE, "--report", "my.csv"), "is no page of ours"),
        ((*FILE, "--export-label-studio", "own.json"), "holds something else"),
        ((*FILE, "--next", "params.yaml"), "the list is a CSV"),
    ],
)
def test_what_is_wrong_is_said_with_its_cure(begun, arguments, message):
    own = begun.folder / "own.json"
    own.write_text('[{"data": {"words": "mine"}}]')
    before = (begun.folder / "my.csv").read_bytes(), own.read_bytes()
    code, _, err = begun(*arguments)
    assert code == 1
    assert message in err
    assert ((begun.folder / "my.csv").read_bytes(), own.read_bytes()) == before


def test_utf16_tsv_and_json_lines(desk):
    found = texts(30)
    rows = [[i, f"{text} 東京 Привет", name if i < 12 else "", ""] for i, (text, name) in enumerate(found)]
    write(desk.folder / "my.tsv", rows, "\t", "utf-16")
    assert desk("my.tsv", *FILE[1:])[0] == 0
    fill(desk.folder / "my.next.csv", [name for _, name in found], "utf-16", "\t")
    assert desk("my.tsv", *FILE[1:], "--merge", "my.next.csv")[0] == 0
    table = read_own(desk.folder / "my.tsv", "words", "kind", Reading())
    assert table.labels == [name for _, name in found]

    lines = [json.dumps({"words": text} | ({"kind": name} if i < 12 else {})) for i, (text, name) in enumerate(found)]
    (desk.folder / "other.jsonl").write_text("\n".join(lines))
    assert desk("other.jsonl", *FILE[1:])[0] == 0
    fill(desk.folder / "other.next.csv", [name for _, name in found], "utf-8-sig", ",")
    assert desk("other.jsonl", *FILE[1:], "--merge", "other.next.csv")[0] == 0
    assert json.loads((desk.folder / "other.jsonl").read_text().splitlines()[-1])["kind"] == found[-1][1]


def test_a_workbook_is_read_and_never_written(desk):
    openpyxl = pytest.importorskip("openpyxl")
    found = texts(30)
    book = openpyxl.Workbook()
    for row in [["words", "kind"], *([text, name if i < 12 else None] for i, (text, name) in enumerate(found))]:
        book.active.append(row)
    book.save(desk.folder / "book.xlsx")
    assert desk("book.xlsx", *FILE[1:])[0] == 0
    fill(desk.folder / "book.next.csv", [name for _, name in found], "utf-8-sig", ",")
    code, _, err = desk("book.xlsx", *FILE[1:], "--merge", "book.next.csv")
    assert code == 1
    assert "cannot be put into a .xlsx file without changing the rest of it" in err


def test_a_text_of_a_megabyte_many_classes_and_a_class_with_two_rows(desk):
    rng = np.random.default_rng(0)
    rows = [
        [i, f"word{i % 150} common {rng.integers(10**6)}", f"class {i % 150}" if i < 301 else "", ""]
        for i in range(400)
    ]
    rows.append([400, "long " * 200_000, "", ""])
    write(desk.folder / "my.csv", rows)
    code, _, err = desk(*FILE, "--batch", "150")
    assert (code, err) == (0, "")
    listed = table_of(desk.folder / "my.next.csv")
    long = next(row for row in listed if row[0] == "401")
    assert len(long[2]) < 10_100
    answer(desk.folder / "my.next.csv", **{f"r{long[1]}": "class 7"})
    assert desk(*FILE, "--batch", "150", "--merge", "my.next.csv")[0] == 0
    assert table_of(desk.folder / "my.csv")[401][2] == "class 7"


def test_a_history_of_someone_else_is_left_alone(begun):
    path = begun.folder / "my.history.json"
    path.write_text('{"diary": "dear"}')
    code, _, err = begun(*FILE)
    assert code == 1
    assert "my.history.json is no history of ours" in err
    assert path.read_text() == '{"diary": "dear"}'


def test_a_notebook_needs_no_file(desk):
    import pandas as pd

    from nofreelunch import LabelLoop, Options

    found = texts(90)
    table = pd.DataFrame({"words": [text for text, _ in found], "kind": [name for _, name in found]})
    table.loc[30:, "kind"] = None
    loop = LabelLoop(table["words"], table["kind"], Options(batch=20))
    assert loop.assessment is None or loop.assessment.overall.n > 0
    asked = [item.row for item in loop.batch]
    assert len(set(asked)) == 20
    after = loop.answered({row: found[row][1] for row in asked})
    assert after.counts["labelled"] == 50
    assert not set(asked) & {item.row for item in after.batch}
    assert [len(batch) for batch in after.seen.batches] == [30, 20]
    assert [said.source for said in after.predictions].count("yours") == 50
    numbers = LabelLoop([*table["words"], float("nan")], [1.0, 2, "1", *[None] * 88])
    assert numbers.answers.names == ["1", "2"]
    assert numbers.counts["empty"] == 1
