"""A Dask cluster gives the bytes of one process, whatever dies on the way. Tests of one class share a cluster and run
in order: each leaves it with fewer workers."""

import shutil
import sys
import traceback
from pathlib import Path

import numpy as np
import pieces
import pytest

pytest.importorskip("distributed")

from dask_cluster import ROOT, DaskCluster, can_hide_folders

from nofreelunch.base.errors import UserError
from nofreelunch.base.storage import Memo
from nofreelunch.compute import cluster as cluster_module
from nofreelunch.compute import parcels
from nofreelunch.compute.engine import map_unordered

pytestmark = pytest.mark.slow
sys.path.append(str(ROOT / "tests" / "embedders"))
# One is a file that the workers do not have.
STRATEGIES = ["random", "margin", "badge", "typiclust", "probcover", "mine"]
MINE = "def select(query):\n    return sorted(query.candidates.tolist())[: query.batch_size]\n"


@pytest.fixture(scope="class")
def dask(tmp_path_factory):
    made = DaskCluster(tmp_path_factory.mktemp("dask") / "cluster")
    yield made
    made.close()


@pytest.fixture
def on(monkeypatch, tmp_path):
    """Let a cluster do the work from here on."""
    monkeypatch.setenv("NOFREELUNCH_CACHE", str(tmp_path / "memo"))
    monkeypatch.setattr(cluster_module, "PATIENCE", 1)
    return lambda place: monkeypatch.setenv("NOFREELUNCH_SCHEDULER", str(place))


@pytest.fixture
def runs(own, monkeypatch):
    """Bytes of the runs of a cell, computed anew into the memo ``name``."""
    # So that the arrays of this small cell count as large ones.
    monkeypatch.setattr(parcels, "LARGE", 512)
    Path("mine.py").write_text(MINE)
    grid = {"strategies": STRATEGIES, "seeds": 4, "pools": ["random", "typiclust"]}
    params = own.params(grid=grid, strategies={"mine": {"from": "mine.py"}})
    own.run(params, "download", "embed", "initialize")

    def computed(name):
        monkeypatch.setenv("NOFREELUNCH_CACHE", name)
        own.run(params, "active_learn")
        files = {path: path.read_bytes() for path in Path("data/runs").rglob("*.*")}
        assert len(files) == 6
        assert not list(Path(name).glob(".*"))
        shutil.rmtree("data/runs")
        return files

    return computed


@pytest.fixture
def at_first_result(monkeypatch):
    """Have something done when the first finished block reaches the memo."""

    def arrange(action):
        real, waiting = Memo.save, [action]

        def save(self, key, arrays):
            real(self, key, arrays)
            if waiting:
                waiting.pop()()

        monkeypatch.setattr(Memo, "save", save)

    return arrange


class TestSharedDisk:
    def test_workers_that_would_give_other_results_are_refused(self, dask, on, tmp_path, monkeypatch):
        other = tmp_path / "src"
        shutil.copytree(ROOT / "src", other, ignore=shutil.ignore_patterns("__pycache__"))
        with (other / "nofreelunch/space/geometry.py").open("a") as file:
            file.write("LLOYD_ITERATIONS = 5\n")
        on(dask.file)
        dask.address()
        wrong = dask.worker(), dask.worker(source=other), dask.worker("--nthreads", "2")
        dask.wait_for(3)
        messages = "has more than one thread", "runs other code", r"has device cpu \(here torch\)"
        for worker, message in zip(reversed(wrong), messages, strict=True):
            if "torch" in message:
                monkeypatch.setenv("NOFREELUNCH_DEVICE", "torch")
            with pytest.raises(UserError, match=message):
                list(map_unordered(pieces.slow, ("",), range(4)))
            worker.kill()
            worker.wait()
            dask.processes.remove(worker)
            dask.wait_for(len(dask.processes) - 1)

    def test_bytes_are_those_of_one_and_of_two_processes(self, dask, runs, on, monkeypatch, at_first_result):
        workers = dask.worker(), dask.worker()
        one = runs("one")
        monkeypatch.setenv("NOFREELUNCH_JOBS", "2")
        assert runs("two") == one
        dask.wait_for(2)
        on(dask.address())
        asked = []
        monkeypatch.setattr(cluster_module.Cluster, "everywhere", spied(asked))
        assert runs("cluster") == one
        assert {answer for _, answers in asked for answer in answers} == {True}

        at_first_result(workers[0].kill)
        assert runs("one worker dies") == one
        assert workers[0].wait() == -9
        dask.processes.remove(workers[0])

    def test_a_poisoned_piece_fails_with_its_own_traceback(self, dask, on):
        on(dask.address())
        with pytest.raises(KeyError, match="the third is poisoned") as caught:
            list(map_unordered(pieces.poisoned, ("",), range(8)))
        assert "in poisoned" in "".join(traceback.format_exception(caught.value))

    def test_the_embed_stage_has_its_texts_embedded(self, dask, on, own, tmp_path, monkeypatch, capsys):
        from tiny_models import save_sentence_model

        model = {"kind": "transformer", "hub": str(save_sentence_model(tmp_path / "model")), "max_tokens": 16}
        params = own.params(embedders={"tiny": model})
        found = []
        for memo in ("here", "there"):
            monkeypatch.setenv("NOFREELUNCH_CACHE", memo)
            own.run(params, "download", "embed", embedder="tiny")
            found.append({path.name: path.read_bytes() for path in Path("data/embeddings").rglob("*.npy")})
            on(dask.address())
        assert "own: 460 of 460 texts" in capsys.readouterr().err
        assert len(found[0]) == 2
        assert found[0] == found[1]

    def test_a_lost_scheduler_leaves_a_memo_to_go_on_from(self, dask, runs, on, at_first_result, own, monkeypatch):
        on(dask.address())
        at_first_result(dask.scheduler.kill)
        with pytest.raises(UserError, match=rf"lost the Dask scheduler {dask.address()}.*Finished work is kept"):
            runs("lost")
        kept = {path for path in Path("lost").rglob("*") if path.is_file()}
        assert 1 <= len(kept) < 41
        monkeypatch.setattr(cluster_module, "CONNECT_SECONDS", 0.5)
        with pytest.raises(UserError, match=rf"there is no Dask scheduler at {dask.address()}"):
            runs("lost")
        monkeypatch.delenv("NOFREELUNCH_SCHEDULER")
        assert runs("lost") == runs("one")
        assert kept <= set(Path("lost").rglob("*"))


@pytest.fixture(scope="class")
def hidden(tmp_path_factory):
    """A folder that one of two workers does not see."""
    return tmp_path_factory.mktemp("hidden")


@pytest.mark.skipif(not can_hide_folders(), reason="this user may not make a mount namespace")
class TestNoSharedDisk:
    def test_bytes_are_those_of_one_process(self, dask, hidden, runs, on, monkeypatch):
        dask.worker(hidden=hidden)
        dask.worker()
        one = runs("one")
        dask.wait_for(2)
        on(dask.address())
        asked = []
        monkeypatch.setattr(cluster_module.Cluster, "everywhere", spied(asked))
        assert runs(str(hidden / "memo")) == one
        assert [sorted(answers) for _, answers in asked] == [[False, True]]

    def test_sums_over_what_was_sent_are_those_of_this_process(self, dask, hidden, on, monkeypatch):
        on(dask.address())
        monkeypatch.setenv("NOFREELUNCH_CACHE", str(hidden / "memo"))
        rng = np.random.default_rng(0)
        # The odd one puts the others off their alignment in the message.
        arrays = (
            rng.normal(size=(301, 997)).astype(np.float32),
            np.ones((3, 2**15 + 1), bool),
            rng.normal(size=(300, 77)),
        )
        here = [pieces.layout_of(array, None)[4] for array in arrays]
        for found in map_unordered(pieces.layouts_of, arrays, range(4)):
            assert [(*lies, sums) for *lies, sums in found] == [(0, True, False, False, sums) for sums in here]
        assert sorted(map_unordered(pieces.slow, ("",), range(8))) == list(range(8))

    def test_a_piece_that_always_kills_its_worker_ends_it_with_the_likely_cause(self, dask, on, monkeypatch):
        on(dask.address())
        dask.worker()
        dask.wait_for(3)
        with pytest.raises(UserError, match=r"lost its worker again and again, most likely because memory ran out"):
            list(map_unordered(pieces.deadly, ("",), range(8)))
        monkeypatch.setattr(cluster_module, "WORKER_SECONDS", 0.5)
        monkeypatch.setattr(cluster_module, "PATIENCE", 0.2)
        results = map_unordered(pieces.slow, ("",), range(100))
        assert next(results) in range(100)
        for process in dask.processes[1:]:
            process.kill()
        with pytest.raises(UserError, match=r"all workers of the Dask scheduler .* have been gone .*Start new ones"):
            list(results)


def spied(seen):
    """`Cluster.everywhere` that also notes whether workers saw the folder."""
    real = cluster_module.Cluster.everywhere

    def everywhere(self, function, *arguments):
        found = real(self, function, *arguments)
        if function is parcels.sees:
            seen.append((arguments, [*found.values()]))
        return found

    return everywhere


@pytest.mark.parametrize("place", ["nowhere.json", "localhost:8786", "tcp://127.0.0.1:1", "tcp//x", "http://x"])
def test_no_scheduler_is_said_at_once(on, monkeypatch, place):
    monkeypatch.setattr(cluster_module, "CONNECT_SECONDS", 0.5)
    on(place)
    with pytest.raises(UserError, match=r"NOFREELUNCH_SCHEDULER is '|there is no Dask scheduler at"):
        list(map_unordered(pieces.slow, ("",), range(4)))


def test_a_worker_on_another_processor_is_refused_with_the_settings_that_make_it_alike():
    here = cluster_module.facts()
    assert {"numpy", "scipy", "scikit-learn", "blas", "simd", "device"} <= here.keys()
    with pytest.raises(UserError, match=r"blas openblas Zen .*OPENBLAS_CORETYPE"):
        cluster_module._refuse_others(here | {"blas": "openblas Zen"}, here, "the worker")
