"""A task's entry in params.yaml, one class for each source."""

from typing import Literal

from pydantic import Field

from nofreelunch.spec import Spec


class DocsTask(Spec):
    """A built-in task made from the docstrings of the pinned packages: no download, real English.

    Attributes:
        task: which of the four built-in tasks.
        train: cap on the pool, None for all.
        test: cap on the test rows, None for all.
        seed: of the split and of the stratified caps.
        pair_format: how the two texts of a pair reach the embedder; ignored for single texts.
    """

    source: Literal["docs"]
    task: Literal["library", "module", "kind", "param"]
    train: int | None = Field(4000, ge=2)
    test: int | None = Field(1500, ge=2)
    seed: int = Field(0, ge=0)
    pair_format: Literal["joined", "labelled", "concat"] = "joined"


TaskSpec = DocsTask
