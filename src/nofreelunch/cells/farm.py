"""The grid's work at full width into the memo, from which the stages then only assemble.

Three rounds, each over all cells: embeddings, initial pools with portraits, AL runs. Nothing is written into data/.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from nofreelunch.base import layout
from nofreelunch.base.arrays import AnyFloatArray, IntArray
from nofreelunch.base.errors import UserError
from nofreelunch.base.progress import Progress
from nofreelunch.base.storage import Memo
from nofreelunch.cells.cell_files import Data, budget_for, data_at, read_data
from nofreelunch.cells.experiment import Plan
from nofreelunch.cells.initial_pools import PoolPlan
from nofreelunch.cells.made import Made, refuse
from nofreelunch.cells.portrait import portrait_entry, portrait_key
from nofreelunch.compute.engine import map_works, on_cluster
from nofreelunch.compute.parcels import spool
from nofreelunch.compute.work import Work
from nofreelunch.embedders.model_embedder import ModelEmbedder, Texts
from nofreelunch.embedders.model_entry import ModelEntry, layers_beside
from nofreelunch.embedders.section import Embedder
from nofreelunch.embedders.shards import best_hardware, embed_missing
from nofreelunch.params import Params
from nofreelunch.tasks.labels import task_labels
from nofreelunch.tasks.table import SPLITS, Split, read_split


@dataclass(frozen=True)
class Farm:
    """Cells of the grid, and the memo that gets their results.

    Attributes:
        params: of the grid.
        datasets, embedders: whose product the cells are.
        memo: to fill.
    """

    params: Params
    datasets: Sequence[str]
    embedders: Sequence[str]
    memo: Memo

    def check(self) -> None:
        """See to it, before anything costly is done, that every cell can be computed.

        Raises:
            UserError: a task is not there, or its pool is too small.
        """
        absent = [name for name in self.datasets if not _has_texts(name) and not self._is_embedded(name)]
        if absent:
            raise UserError(f"the texts of {', '.join(absent)} are not there. Run 'dvc repro download' first.")
        for dataset in filter(_has_texts, self.datasets):
            train, test = (read_split(dataset, split) for split in SPLITS)
            labels = task_labels(dataset, train.label, test.label)
            budget_for(self.params, dataset, len(labels.classes), len(labels.train))

    def embed(self) -> None:
        """Embed every task whose texts are there; each process loads a model once for all of them."""
        datasets = [name for name in self.datasets if _has_texts(name)]
        models: list[ModelEntry] = []
        for name in self.embedders:
            spec = self.params.embedders[name]
            if spec.transformer is not None and on_cluster():
                models.append(spec.transformer)
                continue
            embedder = spec.embedder(self.memo, [self.params.embedders[other] for other in self.embedders])
            for dataset in datasets:
                embedder.embed(*self._task(dataset))
        if models and datasets:
            where, workers = best_hardware()

            # Once for each, as the weights are checked, and once for all that differ in layers alone.
            embedders = [
                ModelEmbedder(spec, self.memo, where, beside=layers_beside(spec, models))
                for number, spec in enumerate(models)
                if not layers_beside(spec, models[:number])
            ]

            def wanted() -> Iterator[tuple[ModelEmbedder, Texts]]:
                for model in embedders:
                    for dataset in datasets:
                        yield model, model.texts(*self._task(dataset))

            total = sum(len(texts) for _, texts in wanted())
            with Progress("embeddings", total, "texts") as progress:
                embed_missing(wanted(), workers, progress)

    def run(self) -> int:
        """Select the initial pools and compute the AL runs of every cell; how many runs were not in the memo.

        Raises:
            UserError: a cell is not embedded, or runs or pools are at fault; all others are in the memo then.
        """
        self._initialize()
        faults: list[str] = []
        wanted: set[str] = set()
        total = self.params.grid.runs_per_cell * len(self.datasets) * len(self.embedders)
        with Progress("active learning", total, "runs") as progress:

            def works() -> Iterator[Work[Made]]:
                for dataset, embedder, data in self._cells():
                    pools = PoolPlan.of(self.params, dataset, embedder, data.pool, data.class_count)
                    table = pools.table(pools.found(self.memo))
                    plan = Plan.of(self.params, dataset, embedder, data, table)
                    found = plan.found(self.memo)
                    wanted.update(plan.runs.keys() - found.keys())
                    progress.known(len(plan.runs.keys() & found.keys()))
                    yield plan.work(found)

            for _, made in map_works(works()):
                self.memo.save_all(made.entries)
                faults += made.faults
                progress.update(len(made.entries.keys() & wanted))
        refuse(faults, "runs")
        return len(wanted)

    def _initialize(self) -> None:
        grid = self.params.grid
        total = (len(grid.pools) * grid.seeds + 1) * len(self.datasets) * len(self.embedders)
        faults: list[str] = []
        with Progress("initial pools and portraits", total, "entries") as progress:

            def works() -> Iterator[Work[Made]]:
                for dataset, embedder, data in self._cells():
                    pools = PoolPlan.of(self.params, dataset, embedder, data.pool, data.class_count)
                    found = pools.found(self.memo)
                    progress.known(len(found))
                    yield pools.work(found)
                    key = portrait_key(data.pool, data.pool_labels)
                    if self.memo.load(key) is None:
                        yield Work(_drawn, (np.asarray(data.pool), data.pool_labels), [key])
                    else:
                        progress.known(1)

            for _, made in map_works(works()):
                self.memo.save_all(made.entries)
                faults += made.faults
                progress.update(len(made.entries))
        refuse(faults, "initial pools")

    def _cells(self) -> Iterator[tuple[str, str, Data]]:
        """Each cell with its data, which is there until the next one is asked for."""
        for name in self.embedders:
            embedder = self.params.embedders[name].embedder(self.memo)
            for dataset in self.datasets:
                with self._data(dataset, name, embedder) as data:
                    yield dataset, name, data

    @contextmanager
    def _data(self, dataset: str, name: str, embedder: Embedder) -> Iterator[Data]:
        if not _has_texts(dataset):
            yield read_data(dataset, name)
            return
        task = self._task(dataset)
        if not embedder.has(*task):
            raise UserError(
                f"{dataset} is not embedded by {name}. Run 'python -m nofreelunch farm --only embed' first."
            )
        with spool() as spooled:
            paths = {split: spooled.folder / f"{split}.npy" for split in SPLITS}
            embedder.embed(*task).write(paths)
            yield data_at(paths, task_labels(dataset, task[0].label, task[1].label), dataset, name)

    def _task(self, dataset: str) -> tuple[Split, Split, str, str, tuple[str, str]]:
        """A task as embedders take it."""
        task = self.params.datasets[dataset]
        train, test = (read_split(dataset, split) for split in SPLITS)
        return train, test, task.pair_format, dataset, task.fields

    def _is_embedded(self, dataset: str) -> bool:
        return all(
            layout.embedding(dataset, embedder, split).is_file() for embedder in self.embedders for split in SPLITS
        )


def _drawn(features: AnyFloatArray, labels: IntArray, key: str) -> Made:
    return Made(portrait_entry(features, labels, key))


def _has_texts(dataset: str) -> bool:
    return all(layout.task_split(dataset, split).is_file() for split in SPLITS)
