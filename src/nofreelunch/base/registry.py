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
    """What is known of a task of the hub, published or counted.

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


@dataclass(frozen=True, kw_only=True)
class EmbedderFacts:
    """An embedder, as its publishers and MTEB's registry describe it.

    Attributes:
        name: its entry in the shipped params.yaml.
        hub: its hub id, or the kind of embedder where it has none.
        revision: the commit whose training data were looked at; None where there is no hub.
        licence: of the weights.
        released: year and month.
        dim: dimensions of a vector.
        parameters: all weights.
        active: weights that a token is multiplied with, so without the word embeddings.
        layers: among which those are spread evenly; None where nobody has counted.
        table: a table of token vectors is all that the model is.
        mteb: average over the 56 tasks of MTEB (English, version 1); None where no such number is known.
        mteb_cut: its published equivalent for vectors that are cut to so many dimensions.
        training: ``none`` had no labels at all, ``listed`` in full, so that an examined task not among them is unseen,
            ``partly`` or not published.
        trained_on: tasks (`TASKS`) whose own labelled train rows were trained on, with the evidence.
        related: tasks close to data that were trained on, with the evidence.
        source: where these facts stand.
        note: what to know before using it.
    """

    name: str
    hub: str
    revision: str | None = None
    licence: str
    released: str = ""
    dim: int
    parameters: int = 0
    active: int = 0
    layers: int | None = None
    table: bool = False
    mteb: float | None = None
    mteb_cut: Mapping[int, float] = field(default_factory=dict)
    training: Literal["none", "listed", "partly"] = "partly"
    trained_on: Mapping[str, str] = field(default_factory=dict)
    related: Mapping[str, str] = field(default_factory=dict)
    source: str = "model card"
    note: str = ""


# By hub id, and configuration behind a colon; `docs:` are the built-in tasks.
TASKS: dict[str, TaskFacts] = {
    "fancyzhx/ag_news": TaskFacts(4, 120_000, 7_600, 53, "research and non-commercial use"),
    "mteb/banking77": TaskFacts(77, 10_003, 3_080, 16, "CC-BY-4.0", "known label noise (Ying & Thomas 2022)"),
    "fancyzhx/dbpedia_14": TaskFacts(14, 560_000, 70_000, 63, "CC-BY-SA-3.0 and GFDL"),
    "nid989/FNC-1": TaskFacts(
        4, 49_972, 25_413, 375, "not stated", "73 % unrelated; 1,669 bodies make up all train rows"
    ),
    "nyu-mll/glue:mnli": TaskFacts(3, 392_702, 9_815, 40, "not stated"),
    "nyu-mll/glue:qnli": TaskFacts(2, 104_743, 5_463, 48, "CC-BY-SA-4.0 (SQuAD)"),
    "nyu-mll/glue:sst2": TaskFacts(2, 67_349, 872, 13, "not stated", "train rows are phrases, test rows are sentences"),
    "CogComp/trec": TaskFacts(6, 5_452, 500, 14, "not stated", "class shares differ between train and test"),
    "OxAISH-AL-LLM/wiki_toxic": TaskFacts(
        2, 159_571, 63_978, 74, "CC0-1.0; text CC-BY-SA-3.0", "9.6 % toxic; offensive content"
    ),
    "Yelp/yelp_review_full": TaskFacts(5, 650_000, 50_000, 169, "Yelp dataset licence, research use"),
    "docs:library": TaskFacts(9, 4_000, 1_500, 41, "BSD, MIT and Apache-2.0"),
    "docs:module": TaskFacts(50, 3_980, 1_500, 41, "BSD, MIT and Apache-2.0"),
    "docs:kind": TaskFacts(15, 4_000, 1_500, 22, "BSD, MIT and Apache-2.0"),
    "docs:param": TaskFacts(2, 4_000, 1_500, 44, "BSD, MIT and Apache-2.0"),
}

AG_NEWS, BANKING77, MNLI, QNLI = "fancyzhx/ag_news", "mteb/banking77", "nyu-mll/glue:mnli", "nyu-mll/glue:qnli"
WIKI_TOXIC = "OxAISH-AL-LLM/wiki_toxic"
DOCS = ("docs:library", "docs:module", "docs:kind", "docs:param")

_NV = "training data of NV-Embed (arXiv 2405.17428)"
_BGE = "cfli/bge-full-data, the training data of bge-en-icl"
_LIKE_NV = "takes over much of NV-Embed's training data (arXiv 2405.17428)"
_QWEN3 = {MNLI: "NLI data (arXiv 2506.05176)"}


def _trained_on(source: str) -> dict[str, str]:
    return {BANKING77: f"Banking77 train rows: {source}", MNLI: f"NLI data: {source}"}


def _related(source: str) -> dict[str, str]:
    return {
        QNLI: f"SQuAD, from which QNLI is made: {source}",
        WIKI_TOXIC: f"ToxicConversations, another toxicity task: {source}",
    }


_WORDLLAMA = "dataset_loader.py of WordLlama"

# The cards of both all-* models list the same training data.
_ALL_NLI = {MNLI: "AllNLI holds MultiNLI (model cards of all-MiniLM-L6-v2 and all-mpnet-base-v2)"}
_ALL_RELATED = {
    QNLI: "SQuAD, from which QNLI is made (model cards of all-MiniLM-L6-v2 and all-mpnet-base-v2)",
    **dict.fromkeys(DOCS, "code_search_net, functions with their docstrings (the same model cards)"),
}


_ALL = (
    EmbedderFacts(
        name="hashing",
        hub="hashing",
        licence="BSD-3-Clause (scikit-learn)",
        dim=512,
        training="none",
        source="scikit-learn",
        note="hashed words, weak on purpose",
    ),
    EmbedderFacts(
        name="lsa",
        hub="lsa",
        licence="BSD-3-Clause (scikit-learn)",
        dim=256,
        training="none",
        source="scikit-learn",
        note="fitted on the unlabelled pool",
    ),
    EmbedderFacts(
        name="minilm",
        hub="sentence-transformers/all-MiniLM-L6-v2",
        revision="8b3219a92973c328a8e22fadcfa821b5dc75636a",
        licence="Apache-2.0",
        released="2021-08",
        dim=384,
        parameters=22_713_216,
        active=10_992_768,
        layers=6,
        mteb=56.3,
        training="listed",
        trained_on=_ALL_NLI,
        related=_ALL_RELATED,
    ),
    EmbedderFacts(
        name="mpnet",
        hub="sentence-transformers/all-mpnet-base-v2",
        revision="e8c3b32edf5434bc2275fc9bab85f82640a19130",
        licence="Apache-2.0",
        released="2021-08",
        dim=768,
        parameters=109_486_464,
        active=85_054_464,
        layers=12,
        mteb=57.8,
        training="listed",
        trained_on=_ALL_NLI,
        related=_ALL_RELATED,
    ),
    EmbedderFacts(
        name="nv_embed_v2",
        hub="nvidia/NV-Embed-v2",
        revision="7604d305b621f14095a1aa23d351674c2859553a",
        licence="CC-BY-NC-4.0",
        released="2024-08",
        dim=4096,
        parameters=7_850_000_000,
        active=7_719_000_000,
        mteb=72.31,
        training="listed",
        trained_on=_trained_on(_NV),
        related=_related(_NV),
        source="model card, arXiv 2405.17428",
    ),
    EmbedderFacts(
        name="bge_en_icl",
        hub="BAAI/bge-en-icl",
        revision="971c7e1445cc86656ca0bd85ed770b8675a40bb5",
        licence="Apache-2.0",
        released="2024-07",
        dim=4096,
        parameters=7_110_660_096,
        active=6_979_588_096,
        mteb=71.24,
        training="listed",
        trained_on=_trained_on(_BGE),
        related=_related(_BGE),
    ),
    EmbedderFacts(
        name="stella_1_5b",
        hub="NovaSearch/stella_en_1.5B_v5",
        revision="d03be74b361d4eb24f42a2fe5bd2e29917df4604",
        licence="MIT",
        released="2024-07",
        dim=1024,
        parameters=1_540_000_000,
        active=1_307_071_744,
        mteb=71.19,
        trained_on=_trained_on(_LIKE_NV),
        related=_related(_LIKE_NV),
        note="distilled from gte-Qwen2 too, whose data are not published; up to 8192 dimensions",
    ),
    EmbedderFacts(
        name="sfr_2",
        hub="Salesforce/SFR-Embedding-2_R",
        revision="91762139d94ed4371a9fa31db5551272e0b83818",
        licence="CC-BY-NC-4.0",
        released="2024-06",
        dim=4096,
        parameters=7_110_660_096,
        active=6_979_588_096,
        mteb=70.31,
        trained_on=_trained_on(_LIKE_NV),
        related=_related(_LIKE_NV),
    ),
    EmbedderFacts(
        name="gte_qwen2_7b",
        hub="Alibaba-NLP/gte-Qwen2-7B-instruct",
        revision="e26182b2122f4435e8b3ebecbf363990f409b45b",
        licence="Apache-2.0",
        released="2024-06",
        dim=3584,
        parameters=7_069_121_024,
        active=6_525_621_760,
        mteb=70.24,
        note="training data not published",
    ),
    EmbedderFacts(
        name="bert_base",
        hub="google-bert/bert-base-uncased",
        revision="86b5e0934494bd15c9632b12f734a8a67f723594",
        licence="Apache-2.0",
        released="2018-10",
        dim=768,
        parameters=109_482_240,
        active=85_641_984,
        layers=12,
        mteb=38.3,
        training="none",
        note="pretrained on unlabelled text, DBpedia's source among it",
    ),
    EmbedderFacts(
        name="qwen3_0_6b",
        hub="Qwen/Qwen3-Embedding-0.6B",
        revision="b22da495047858cce924d27d76261e96be6febc0",
        licence="Apache-2.0",
        released="2025-06",
        dim=1024,
        parameters=595_776_512,
        active=440_467_456,
        trained_on=_QWEN3,
    ),
    EmbedderFacts(
        name="qwen3_4b",
        hub="Qwen/Qwen3-Embedding-4B",
        revision="636cd9bf47d976946cdbb2b0c3ca0cb2f8eea5ff",
        licence="Apache-2.0",
        released="2025-06",
        dim=2560,
        parameters=4_021_774_336,
        active=3_633_000_000,
        trained_on=_QWEN3,
    ),
    EmbedderFacts(
        name="qwen3_8b",
        hub="Qwen/Qwen3-Embedding-8B",
        revision="4e423935c619ae4df87b646a3ce949610c66241c",
        licence="Apache-2.0",
        released="2025-06",
        dim=4096,
        parameters=7_567_295_488,
        active=6_946_000_000,
        trained_on=_QWEN3,
    ),
    EmbedderFacts(
        name="bge_small",
        hub="BAAI/bge-small-en-v1.5",
        revision="5c38ec7c405ec4b44b94cc5a9bb96e735b38267a",
        licence="MIT",
        released="2023-09",
        dim=384,
        parameters=33_360_000,
        active=21_640_000,
        mteb=62.17,
        trained_on={MNLI: "NLI data (arXiv 2309.07597)"},
    ),
    EmbedderFacts(
        name="potion_8m",
        hub="minishlab/potion-base-8M",
        revision="bf8b056651a2c21b8d2565580b8569da283cab23",
        licence="MIT",
        released="2024-10",
        dim=256,
        parameters=7_559_168,
        table=True,
        mteb=51.08,
        source="model card, results of model2vec",
        note="distilled from bge-base-en-v1.5, whose data it inherits",
    ),
    EmbedderFacts(
        name="wordllama",
        hub="dleemiller/word-llama-l2-supercat",
        licence="MIT",
        released="2024-07",
        dim=256,
        parameters=8_192_000,
        table=True,
        mteb=49.36,
        # WordLlama's own scores by category at this width less those at 256 dimensions (docs/ladder.md).
        mteb_cut={128: 48.15, 64: 45.70},
        trained_on={MNLI: f"AllNLI holds MultiNLI: {_WORDLLAMA}"},
        related={
            QNLI: f"SQuAD, from which QNLI is made: {_WORDLLAMA}",
            AG_NEWS: f"titles with their articles, no topics: {_WORDLLAMA}",
        },
        source="results of model2vec (MTEB), README of WordLlama",
        note="averaged token vectors of Llama 2 and its kin, trained on",
    ),
)
EMBEDDERS: Mapping[str, EmbedderFacts] = {facts.hub: facts for facts in _ALL}


def seen(hub: str | None, revision: str | None, task: str | None) -> Seen:
    """Whether an embedder was trained with labels of a task.

    Args:
        hub: the embedder's key in `EMBEDDERS`; None for vectors of one's own.
        revision: the commit in use.
        task: the task's key in `TASKS`; None for files of one's own, which nobody has examined.

    Returns:
        ``yes``: on the task's own train rows; ``related``: on data the task is made from or close to; ``no``: its
        training data are published and hold neither, or it saw no labels at all; ``unknown``: they are not published,
        it is not registered at this revision, or the task was not examined.
    """
    facts = None if hub is None else EMBEDDERS.get(hub)
    if facts is None or facts.revision != revision:
        return "unknown"
    if facts.training == "none":
        return "no"
    if task is None or task not in TASKS:
        return "unknown"
    if task in facts.trained_on:
        return "yes"
    if task in facts.related:
        return "related"
    return "no" if facts.training == "listed" else "unknown"


@dataclass(frozen=True)
class Known:
    """What is known of the entries of a grid, by their names in it.

    Attributes:
        marks: (embedder, dataset) → `seen`.
        mteb: embedder → published average, where there is one.
        weights: embedder → millions of weights that each token is multiplied with, where known.
    """

    marks: Mapping[tuple[str, str], Seen] = field(default_factory=dict)
    mteb: Mapping[str, float] = field(default_factory=dict)
    weights: Mapping[str, float] = field(default_factory=dict)
