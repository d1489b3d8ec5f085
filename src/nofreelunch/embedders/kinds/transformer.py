"""A model of sentence-transformers, whole or cut, or (``static``) its input word vectors alone."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from nofreelunch.base.spec import Spec
from nofreelunch.base.storage import Memo
from nofreelunch.embedders.model_embedder import ModelEmbedder
from nofreelunch.embedders.model_entry import ModelEntry, layers_beside
from nofreelunch.embedders.model_files import CONFIGURATION, weight_files, weights_digest, wheels_to_fetch
from nofreelunch.embedders.own import Own
from nofreelunch.embedders.section import About, Part, Section
from nofreelunch.embedders.static_embedder import StaticEmbedder


class Transformer(ModelEntry, Section):
    """See `ModelEntry`."""

    block: ClassVar[int | None] = 8192

    def embedder(self, memo: Memo, grid: Iterable[Spec] = ()) -> ModelEmbedder:
        """See `Section`; entries of the ``grid`` that differ in ``layers`` alone come from the same pass."""
        made = StaticEmbedder if self.static else ModelEmbedder
        return made(self, memo, beside=layers_beside(self, grid))

    @property
    def transformer(self) -> ModelEntry | None:
        """See `Section`."""
        return None if self.static else self

    @property
    def registered(self) -> tuple[str | None, str | None]:
        """See `Section`."""
        return self.hub, self.revision

    def part(self) -> Part:
        """See `Section`."""
        return Part(self.truncate_dim, self.layers, self.static)

    def about(self) -> About:
        """See `Section`."""
        return About(
            self.hub,
            self.revision,
            self.max_tokens,
            "word vectors" if self.static else self.pooling or "as the model says",
            "float32" if self.static else self.dtype,
            self.prompt or "",
            self.instructions,
            self.remote_code,
        )

    def dimensions(self, dataset: str | None = None) -> int | None:
        """See `Section`."""
        return self.truncate_dim

    def to_fetch(self) -> dict[str, int]:
        """See `Section`: wheels."""
        size = wheels_to_fetch(self) if self.wheels else 0
        return {self.hub: size} if size else {}

    def own(self, dataset: str) -> Own:
        """See `Section`: the model in a local folder."""
        folder = self._folder()
        return Own([self.hub], _parts(folder) if folder.is_dir() else [])

    def changed(self, cards: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """See `Section`: by the digest of the weights."""
        if not self._folder().is_dir():
            return []
        weights = weights_digest(self._folder())
        return [
            name for name, card in cards.items() if card.get("source") == "local folder" and card["sha256"] != weights
        ]

    def _folder(self) -> Path:
        return Path(self.hub).expanduser()


def _parts(folder: Path) -> list[Path]:
    """The files of a model that a result depends on."""
    others = (path for path in sorted(folder.rglob("*")) if path.suffix in {*CONFIGURATION, ".safetensors"})
    return list(dict.fromkeys([*weight_files(folder), *(path for path in others if path.is_file())]))


ENTRY = Transformer
