import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from nofreelunch.base.errors import UserError
from nofreelunch.tasks.hub import build_hub_task
from nofreelunch.tasks.spec import HubTask

PROJECT = Path(__file__).parents[2]
CODE = os.pathsep.join((str(PROJECT / "src"), str(PROJECT)))
TRAIN = {"text": ["good", "bad", "fine", "poor"], "label": [1, 0, 1, 0]}
TEST = {"text": ["great", "awful"], "label": [1, 0]}


def spec(**changes):
    return HubTask(**{"source": "hub", "hub": "me/tiny"} | changes)


def named(columns, names):
    """A parquet file as the hub's own tools write it, with class names."""
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    buffer = io.BytesIO()
    Dataset.from_dict(columns, features).to_parquet(buffer)
    return buffer.getvalue()


@pytest.fixture
def tiny(hub, parquet):
    """The hub with a data set of four train and two test rows."""
    hub.revision = hub.commit(
        "dataset",
        "me/tiny",
        {
            "README.md": b"---\nlicense: cc-by-4.0\n---\n# Tiny\n",
            "data/train-00000-of-00001.parquet": named(TRAIN, ["no", "yes"]),
            "data/test-00000-of-00001.parquet": named(TEST, ["no", "yes"]),
            "evil.pkl": b"never fetched",
        },
    )
    return hub


def test_the_newest_commit_is_read_and_recorded(tiny):
    task = build_hub_task(spec(), "tiny")
    assert task.train.text == TRAIN["text"]
    assert task.test.label.tolist() == [1, 0]
    assert task.class_names == ("no", "yes")
    assert task.card["revision"] == tiny.revision
    assert task.card["licence"] == "cc-by-4.0"
    assert not any("evil.pkl" in path for path in tiny.requests)


def test_a_pinned_commit_is_read_even_if_there_is_a_newer_one(tiny, parquet):
    newer = tiny.commit("dataset", "me/tiny", {"data/train.parquet": parquet(TEST), "data/test.parquet": parquet(TEST)})
    assert build_hub_task(spec(revision=tiny.revision), "tiny").train.text == TRAIN["text"]
    assert build_hub_task(spec(), "tiny").card["revision"] == newer != tiny.revision


def test_a_configuration_a_pair_and_string_labels(hub, parquet):
    rows = {"q": ["a?", "b?"], "a": ["x", "y"], "stance": ["for", "against"]}
    other = {"q": ["o", "o"], "a": ["o", "o"], "stance": ["o", "o"]}
    readme = "---\nconfigs:\n" + "".join(
        f"- config_name: {name}\n  data_files:\n"
        + "".join(f"  - {{split: {split}, path: {name}/{split}.parquet}}\n" for split in ("train", "dev"))
        for name in ("other", "wanted")
    )
    files = {f"wanted/{split}.parquet": parquet(rows) for split in ("train", "dev")}
    files |= {f"other/{split}.parquet": parquet(other) for split in ("train", "dev")}
    hub.commit("dataset", "me/pairs", {"README.md": f"{readme}---\n".encode(), **files})
    pairs = spec(hub="me/pairs", config="wanted", text="q", text_pair="a", label="stance", test_split="dev")
    task = build_hub_task(pairs, "pairs")
    assert (task.train.text, task.train.text_pair) == (["a?", "b?"], ["x", "y"])
    assert task.class_names == ("against", "for")
    assert task.train.label.tolist() == [1, 0]
    with pytest.raises(UserError, match=r"wonted.*not found.*'other', 'wanted'"):
        build_hub_task(pairs.model_copy(update={"config": "wonted"}), "pairs")


def test_a_repository_with_a_script_is_read_from_the_converted_copy(hub, parquet, tmp_path):
    trap = tmp_path / "script-was-run"
    main = hub.commit("dataset", "me/tiny", {"tiny.py": f"open({str(trap)!r}, 'w')".encode(), "README.md": b"# Tiny"})
    copy = hub.commit(
        "dataset",
        "me/tiny",
        {
            f"default/{split}/0000.parquet": named(rows, ["no", "yes"])
            for split, rows in (("train", TRAIN), ("test", TEST))
        },
        ref="refs/convert/parquet",
    )
    task = build_hub_task(spec(), "tiny")
    assert task.train.text == TRAIN["text"]
    assert task.class_names == ("no", "yes")
    assert (task.card["revision"], task.card["converted_revision"]) == (main, copy)
    assert not trap.exists()
    with pytest.raises(UserError, match=r"script, which is never run.*split 'dev'"):
        build_hub_task(spec(test_split="dev"), "tiny")


def test_failures_that_pass_are_waited_out(tiny, capsys):
    tiny.failures = 2
    assert build_hub_task(spec(), "tiny").card["revision"] == tiny.revision
    assert capsys.readouterr().err.count("trying again") == 2


def test_a_failing_hub_is_given_up_after_the_last_attempt(tiny):
    tiny.failures = 10**9
    with pytest.raises(UserError, match=r"hub at http://127.* cannot be reached or failed.*\n.*503"):
        build_hub_task(spec(), "tiny")


def test_a_hub_that_is_down_is_named_but_the_cache_still_serves(tiny):
    build_hub_task(spec(), "tiny")
    tiny.stop()
    assert build_hub_task(spec(), "tiny").card["revision"] == tiny.revision
    with pytest.raises(UserError, match="cannot download me/other: the hub at"):
        build_hub_task(spec(hub="me/other"), "other")


def test_offline_mode_serves_the_cache_only(tiny, monkeypatch):
    from huggingface_hub import constants

    build_hub_task(spec(), "tiny")
    asked = len(tiny.requests)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert build_hub_task(spec(), "tiny").train.text == TRAIN["text"]
    with pytest.raises(UserError, match=r"HF_HUB_OFFLINE is set and the local cache .* lacks me/other"):
        build_hub_task(spec(hub="me/other"), "other")
    assert len(tiny.requests) == asked


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hub": "me/tinny"}, "has no dataset 'me/tinny', or it is private"),
        ({"hub": "not an id"}, "'not an id' is no hub id"),
        ({"revision": "b" * 40}, f"no revision '{'b' * 40}'"),
        ({"revision": "v2"}, "no revision 'v2'"),
        ({"text": "txt"}, "split 'train': unknown column 'txt'.*mean 'text'.*label, text"),
        ({"test_split": "tst"}, "unknown split 'tst'.*mean 'test'"),
    ],
)
def test_a_wrong_entry_is_explained(tiny, changes, message):
    with pytest.raises(UserError, match=message):
        build_hub_task(spec(**changes), "tiny")


def test_a_gated_repository_says_how_to_get_access(tiny, monkeypatch):
    tiny.gate("dataset", "me/tiny", "hf_good")
    with pytest.raises(UserError, match=r"gated and there is no token. Accept its licence at .*/datasets/me/tiny"):
        build_hub_task(spec(), "tiny")
    monkeypatch.setenv("HF_TOKEN", "hf_bad")
    with pytest.raises(UserError, match=r"gated and your token has no access"):
        build_hub_task(spec(), "tiny")
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    assert build_hub_task(spec(), "tiny").card["revision"] == tiny.revision


def test_hidden_labels_are_refused_and_single_ones_can_be_left_out(hub, parquet):
    some = {"text": ["a", "b", "c"], "label": [0, -1, 1]}
    hidden = {"text": ["d", "e"], "label": [-1, -1]}
    files = {"train": parquet(some), "test": parquet(hidden), "validation": parquet(some)}
    hub.commit("dataset", "me/glue", {f"data/{split}.parquet": content for split, content in files.items()})
    with pytest.raises(UserError, match=r"test split: all labels of column 'label' are missing or hidden \(−1\)"):
        build_hub_task(spec(hub="me/glue", drop_incomplete=True), "glue")
    validation = {"hub": "me/glue", "test_split": "validation"}
    with pytest.raises(UserError, match=r"train split: row 1 has no label \(1 of 3 rows"):
        build_hub_task(spec(**validation), "glue")
    task = build_hub_task(spec(**validation, drop_incomplete=True), "glue")
    assert task.train.text == ["a", "c"]
    assert task.card["incomplete_rows_dropped"] == {"train": 1, "test": 1}


def test_the_stage_reads_the_hub_that_the_environment_names(tiny, tmp_path):
    """Nothing is patched here: the real environment variables in a process of its own."""
    shipped = yaml.safe_load((PROJECT / "params.yaml").read_text())
    shipped["datasets"]["tiny"] = {"source": "hub", "hub": "me/tiny", "revision": tiny.revision}
    shipped["grid"]["datasets"] = ["tiny"]
    shipped["budget"] |= {"track": "custom", "custom": {"initial": 2, "batch": 1, "rounds": 1}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(shipped))
    environment = {
        "HF_ENDPOINT": tiny.url,
        "HF_HOME": str(tmp_path / "home"),
        "PYTHONPATH": CODE,
    }
    command = [sys.executable, "-m", "stages.download", "tiny"]
    for more in ({}, {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}):
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | environment | more, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("tiny: 4 pool rows, 2 test rows, 2 classes\ntiny: 6 rows read; none left out\n")
    assert tiny.revision in (tmp_path / "data/tasks/tiny/card.json").read_text()
