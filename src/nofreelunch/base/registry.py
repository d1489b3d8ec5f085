"""Facts about the known tasks and embedders that change no result: licences, sizes, scores, contamination.

What is computed is said in params.yaml alone; this module is read by `list`, `plan`, tables and figures. Numbers are
those of the model cards and of MTEB's model registry; an embedder of your own has no entry, and needs none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Seen = Literal["yes", "related", "no", "unknown"]


@dataclass(frozen=True)
class TaskFacts:
    """A task of the protocol (section 2).

    Attributes:
        classes: their number.
        train: rows of the official train split.
        test: rows of the split used for testing.
        tokens: mean WordPiece tokens of a row, both texts together, cut at 512 (measured on 2,000 train rows).
        licence: as its publishers state it.
        note: what to know before drawing conclusions from it.
    """

    classes: int
    train: int
    test: int
    tokens: int
    licence: str
    note: str = ""


@dataclass(frozen=True)
class EmbedderFacts:
    """An embedder of the protocol (section 3).

    Attributes:
        dim: dimensions of a vector.
        parameters: all weights.
        active: weights that a token is multiplied with, so without the word embeddings.
        licence: of the weights.
        mteb: average over the 56 tasks of MTEB (English, version 1); None where no such number is known.
        published: whether the training data are listed in full, so that a task not among them is unseen.
        trained_on: tasks whose own labelled train rows were trained on, with the evidence.
        related: tasks close to data that were trained on, with the evidence.
        note: what to know before using it.
    """

    dim: int
    parameters: int
    active: int
    licence: str
    mteb: float | None = None
    published: bool = True
    trained_on: Mapping[str, str] = field(default_factory=dict)
    related: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


TASKS: dict[str, TaskFacts] = {
    "ag_news": TaskFacts(4, 120_000, 7_600, 53, "research and non-commercial use"),
    "banking77": TaskFacts(77, 10_003, 3_080, 16, "CC-BY-4.0", "known label noise (Ying & Thomas 2022)"),
    "dbpedia": TaskFacts(14, 560_000, 70_000, 63, "CC-BY-SA-3.0 and GFDL"),
    "fnc1": TaskFacts(4, 49_972, 25_413, 375, "not stated", "73 % unrelated; 1,669 bodies make up all train rows"),
    "mnli": TaskFacts(3, 392_702, 9_815, 40, "not stated"),
    "qnli": TaskFacts(2, 104_743, 5_463, 48, "CC-BY-SA-4.0 (SQuAD)"),
    "sst2": TaskFacts(2, 67_349, 872, 13, "not stated", "train rows are phrases, test rows are sentences"),
    "trec6": TaskFacts(6, 5_452, 500, 14, "not stated", "class shares differ between train and test"),
    "wiki_toxic": TaskFacts(2, 159_571, 63_978, 74, "CC0-1.0; text CC-BY-SA-3.0", "9.6 % toxic; offensive content"),
    "yelp5": TaskFacts(5, 650_000, 50_000, 169, "Yelp dataset licence, research use"),
    "docs_library": TaskFacts(9, 4_000, 1_500, 41, "BSD, MIT and Apache-2.0"),
    "docs_module": TaskFacts(50, 3_980, 1_500, 41, "BSD, MIT and Apache-2.0"),
    "docs_kind": TaskFacts(15, 4_000, 1_500, 22, "BSD, MIT and Apache-2.0"),
    "docs_param": TaskFacts(2, 4_000, 1_500, 44, "BSD, MIT and Apache-2.0"),
}

_NV = "training data of NV-Embed (arXiv 2405.17428)"
_BGE = "cfli/bge-full-data, the training data of bge-en-icl"
_LIKE_NV = "takes over much of NV-Embed's training data (arXiv 2405.17428)"


def _trained_on(source: str) -> dict[str, str]:
    return {"banking77": f"Banking77 train rows: {source}", "mnli": f"NLI data: {source}"}


def _related(source: str) -> dict[str, str]:
    return {
        "qnli": f"SQuAD, from which QNLI is made: {source}",
        "wiki_toxic": f"ToxicConversations, another toxicity task: {source}",
    }


_MINILM_TRAINED_ON = {"mnli": "AllNLI holds MultiNLI (model card of all-MiniLM-L6-v2)"}
_MINILM_RELATED = {"qnli": "SQuAD, from which QNLI is made (model card of all-MiniLM-L6-v2)"}

EMBEDDERS: dict[str, EmbedderFacts] = {
    "hashing": EmbedderFacts(512, 0, 0, "BSD-3-Clause (scikit-learn)", note="hashed words, weak on purpose"),
    "lsa": EmbedderFacts(256, 0, 0, "BSD-3-Clause (scikit-learn)", note="fitted on the unlabelled pool"),
    "minilm_static": EmbedderFacts(
        384,
        22_713_216,
        0,
        "Apache-2.0",
        trained_on=_MINILM_TRAINED_ON,
        related=_MINILM_RELATED,
        note="mean of MiniLM's input word vectors, without its transformer",
    ),
    "minilm": EmbedderFacts(
        384,
        22_713_216,
        10_992_768,
        "Apache-2.0",
        56.3,
        trained_on=_MINILM_TRAINED_ON,
        related=_MINILM_RELATED,
    ),
    "nv_embed_v2": EmbedderFacts(
        4096, 7_850_000_000, 7_719_000_000, "CC-BY-NC-4.0", 72.31, True, _trained_on(_NV), _related(_NV)
    ),
    "bge_en_icl": EmbedderFacts(
        4096, 7_110_660_096, 6_979_588_096, "Apache-2.0", 71.24, True, _trained_on(_BGE), _related(_BGE)
    ),
    "stella_1_5b": EmbedderFacts(
        1024,
        1_540_000_000,
        1_307_071_744,
        "MIT",
        71.19,
        False,
        _trained_on(_LIKE_NV),
        _related(_LIKE_NV),
        "distilled from gte-Qwen2 too, whose data are not published; up to 8192 dimensions",
    ),
    "sfr_2": EmbedderFacts(
        4096, 7_110_660_096, 6_979_588_096, "CC-BY-NC-4.0", 70.31, False, _trained_on(_LIKE_NV), _related(_LIKE_NV)
    ),
    "gte_qwen2_7b": EmbedderFacts(
        3584, 7_069_121_024, 6_525_621_760, "Apache-2.0", 70.24, False, note="training data not published"
    ),
    "bert_base": EmbedderFacts(
        768,
        109_482_240,
        85_641_984,
        "Apache-2.0",
        38.3,
        note="pretrained on unlabelled text, DBpedia's source among it",
    ),
    "qwen3_0_6b": EmbedderFacts(
        1024, 595_776_512, 440_467_456, "Apache-2.0", None, False, {"mnli": "NLI data (arXiv 2506.05176)"}
    ),
    "qwen3_4b": EmbedderFacts(
        2560, 4_021_774_336, 3_633_000_000, "Apache-2.0", None, False, {"mnli": "NLI data (arXiv 2506.05176)"}
    ),
    "qwen3_8b": EmbedderFacts(
        4096, 7_567_295_488, 6_946_000_000, "Apache-2.0", None, False, {"mnli": "NLI data (arXiv 2506.05176)"}
    ),
    "bge_small": EmbedderFacts(
        384, 33_360_000, 21_640_000, "MIT", 62.17, False, {"mnli": "NLI data (arXiv 2309.07597)"}
    ),
    "potion_8m": EmbedderFacts(
        256, 7_559_168, 0, "MIT", None, False, note="distilled from bge-base-en-v1.5, whose data it inherits"
    ),
}


def seen(embedder: str, task: str) -> Seen:
    """Whether an embedder was trained with labels of a task.

    Returns:
        ``yes``: on the task's own train rows; ``related``: on data the task is made from or close to; ``no``: its
        training data are published and hold neither; ``unknown``: they are not published, or it is not registered.
    """
    facts = EMBEDDERS.get(embedder)
    if facts is None:
        return "unknown"
    if task in facts.trained_on:
        return "yes"
    if task in facts.related:
        return "related"
    return "no" if facts.published else "unknown"
