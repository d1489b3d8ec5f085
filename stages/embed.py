"""Stage embed: one task by one embedder to data/embeddings/<dataset>/<embedder>.*, and the labels beside it."""

from nofreelunch.base import layout, storage
from nofreelunch.base.storage import Memo
from nofreelunch.cells.cell_files import budget_for
from nofreelunch.cli.command import stage
from nofreelunch.embedders.embed import embed as embed_texts
from nofreelunch.params import Params
from nofreelunch.tasks.labels import write_labels
from nofreelunch.tasks.table import SPLITS, read_split


def embed(params: Params, dataset: str, embedder: str) -> int:
    """Embed a task's texts; chunks that are already in the memo are not encoded again."""
    task = params.datasets[dataset]
    train, test = (read_split(dataset, split) for split in SPLITS)
    labels = write_labels(dataset, embedder, train.label, test.label)
    # Refused here, before anything costly is done.
    budget_for(params, dataset, len(labels.classes), len(labels.train))
    embedding = embed_texts(
        params.embedders[embedder],
        train,
        test,
        task.pair_format,
        Memo.default(),
        dataset,
        task.fields,
        [params.embedders[name] for name in params.grid.embedders],
    )
    paths = {split: layout.embedding(dataset, embedder, split) for split in SPLITS}
    embedding.write(paths)
    digests = {split: storage.file_digest(path) for split, path in paths.items()}
    storage.write_json(layout.embedding_card(dataset, embedder), embedding.card | {"files": digests})
    if embedding.rate is not None:
        rate = {"device": embedding.card["device"], "texts_per_second": embedding.rate}
        storage.write_json(layout.encoding_rate(dataset, embedder), rate)
    return len(train) + len(test)


if __name__ == "__main__":
    stage(embed, "dataset", "embedder", unit="texts")
