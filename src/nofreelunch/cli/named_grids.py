"""Grids that have a name."""

from dataclasses import dataclass, replace

from nofreelunch.heads.kinds.logistic import LogisticSpec

TEN_TASKS = ("ag_news", "banking77", "dbpedia", "fnc1", "mnli", "qnli", "sst2", "trec6", "wiki_toxic", "yelp5")
SEVEN_EMBEDDERS = ("nv_embed_v2", "bge_en_icl", "stella_1_5b", "sfr_2", "gte_qwen2_7b", "bert_base", "minilm")
PAPER_POOLS = ("random", "typiclust", "coreset")
PAPER_STRATEGIES = ("random", "margin", "badge", "coreset", "typiclust", "bait", "dropquery", "alfamix")
DEFAULT_STRATEGIES = (
    "random", "margin", "badge", "coreset", "typiclust", "dropquery", "alfamix", "uncertainty_herding",
)  # fmt: skip
# From weak to strong; what differs between the mpnet ones is nothing but how many layers are run, and between both of
# wordllama the width of the vectors.
LADDER = (
    "hashing", "lsa", "minilm_static", "wordllama_64", "wordllama", "potion_8m", "minilm", "mpnet_l3", "mpnet_l6",
    "mpnet",
)  # fmt: skip
STUDY_STRATEGIES = (
    "random", "margin", "badge", "coreset", "typiclust", "probcover", "bait", "dropquery", "alfamix",
    "uncertainty_herding",
)  # fmt: skip
# The group's batches were 5 for 4 classes, 10 for 14 and 200 for 77 or 151; the other tasks have 2 to 6.
BATCHES = {"dbpedia": 10, "banking77": 200}
_STUDY_BUDGETS = {"dbpedia": (14, 14, 20), "banking77": (77, 20, 20)}


@dataclass(frozen=True)
class NamedGrid:
    """The factors of a grid, the embedder in focus and the budget track, with the values of that track.

    Names without an entry in params.yaml are left out of the grid that is written. ``budgets`` holds k₀, batch and
    rounds of tasks that do not follow the track, ``caps`` the most pool and test rows of the ten tasks where
    they are not the paper's. An empty ``head`` leaves the head as it stands.
    """

    about: str
    datasets: tuple[str, ...]
    embedders: tuple[str, ...]
    pools: tuple[str, ...]
    strategies: tuple[str, ...]
    seeds: int
    focus: str
    track: str
    budget: tuple[tuple[str, int], ...] = ()
    budgets: tuple[tuple[str, tuple[int, int, int]], ...] = ()
    caps: tuple[int, int] | None = None
    head: tuple[tuple[str, str | float | bool], ...] = ()

    def own_budget(self, dataset: str) -> dict[str, int] | None:
        """What the entry of a task says of its budget; None where it follows the track."""
        own = dict(self.budgets).get(dataset)
        return dict(zip(("initial", "batch", "rounds"), own, strict=True)) if own else None


_PAPER = NamedGrid(
    "the paper's: ten tasks, seven embedders, ten seeds, 100 + 15 × 100 labels; needs a GPU",
    TEN_TASKS,
    SEVEN_EMBEDDERS,
    PAPER_POOLS,
    PAPER_STRATEGIES,
    10,
    "nv_embed_v2",
    "glae",
    (("initial", 100), ("batch", 100), ("rounds", 15)),
)

GRIDS = {
    "quickstart": NamedGrid(
        "what is checked in: four built-in tasks, no download, minutes on two cores",
        ("docs_library", "docs_module", "docs_kind", "docs_param"),
        ("hashing", "lsa", "minilm_static", "minilm"),
        ("random", "typiclust"),
        DEFAULT_STRATEGIES,
        5,
        "minilm",
        "custom",
        (("initial", 50), ("batch", 50), ("rounds", 15)),
        head=tuple(LogisticSpec().model_dump().items()),
    ),
    "paper": _PAPER,
    "skactiveml": replace(
        _PAPER,
        about="a co-author's newer code, on scikit-activeml: C = 1, no scaling, BERT by [CLS], k₀ = batch, 20 rounds",
        embedders=tuple("bert_cls" if name == "bert_base" else name for name in SEVEN_EMBEDDERS),
        strategies=("random", "margin", "coreset", "probcover", "typiclust", "badge", "dropquery"),
        track="custom",
        budget=(),
        budgets=tuple((name, (BATCHES.get(name, 5),) * 2 + (20,)) for name in TEN_TASKS),
        head=(("kind", "logistic"), ("C", 1.0), ("intercept", "free"), ("centre", False), ("scaling", "none")),
    ),
    "low_budget": replace(
        _PAPER,
        about="the paper's factors with a start and batches of two labels a class, 20 rounds",
        track="low",
        budget=(("per_class", 2), ("rounds", 20)),
    ),
    # k₀ and batch are 10, or a label a class where that is more; Banking77's 77 classes would use up the pool.
    "study": NamedGrid(
        "ten tasks on a ladder of ten embedders that need no hub: 464 MB from pip's index, hours on two cores",
        TEN_TASKS,
        LADDER,
        PAPER_POOLS,
        STUDY_STRATEGIES,
        10,
        "mpnet",
        "glae",
        budgets=tuple((name, _STUDY_BUDGETS.get(name, (10, 10, 20))) for name in TEN_TASKS),
        caps=(2_000, 1_000),
        head=tuple(LogisticSpec().model_dump().items()),
    ),
    "smoke": NamedGrid(
        "under a minute: one task of single texts, one of pairs, hashed words, two strategies",
        ("docs_kind", "docs_param"),
        ("hashing",),
        ("random",),
        ("random", "margin"),
        2,
        "hashing",
        "custom",
        (("initial", 50), ("batch", 50), ("rounds", 15)),
    ),
}
