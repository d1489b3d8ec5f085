"""Stage embed: one task by one embedder to data/embeddings/<dataset>/<embedder>.*, and the labels beside it."""

from nofreelunch import layout, storage
from nofreelunch.command import stage
from nofreelunch.embedders.embed import embed as embed_texts
from nofreelunch.labels import copy_labels
from nofreelunch.params import Params
from nofreelunch.storage import Memo
from nofreelunch.tasks.table import read_split


def embed(params: Params, dataset: str, embedder: str) -> None:
    """Embed a task's texts; chunks that are already in the memo are not encoded again."""
    embedding = embed_texts(
        params.embedders[embedder],
        read_split(dataset, "train"),
        read_split(dataset, "test"),
        params.datasets[dataset].pair_format,
        Memo.default(),
        dataset,
    )
    storage.write_npy(layout.embedding(dataset, embedder, "train"), embedding.train)
    storage.write_npy(layout.embedding(dataset, embedder, "test"), embedding.test)
    storage.write_json(layout.embedding_card(dataset, embedder), embedding.card)
    copy_labels(dataset, embedder)


if __name__ == "__main__":
    stage(embed, "dataset", "embedder")
