from pathlib import Path

import pytest
import yaml

from nofreelunch import params
from nofreelunch.base.errors import UserError
from nofreelunch.cli.named_grids import DEFAULT_STRATEGIES
from nofreelunch.heads import cross_validation, softmax
from nofreelunch.heads.kinds.logistic import LogisticSpec
from nofreelunch.selection.strategies import STRATEGIES
from nofreelunch.tasks.annotator import Exact

SHIPPED = Path(__file__).parents[1] / "params.yaml"


@pytest.fixture
def load(tmp_path):
    """Load the shipped params.yaml with some dotted keys changed."""

    def changed(changes):
        content = yaml.safe_load(SHIPPED.read_text())
        for key, value in changes.items():
            *path, last = key.split(".")
            section = content
            for part in path:
                section = section[part]
            if value is DELETED:
                del section[last]
            else:
                section[last] = value
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(content))
        return params.load(path)

    return changed


DELETED = object()


def test_what_studies_chose_is_what_ships(load):
    """docs/head.md, docs/strategies.md and the protocol give the reasons; whoever changes one changes its study too."""
    shipped = load({})
    head = {"kind": "logistic", "C": "cv", "intercept": "penalised", "centre": True, "scaling": "unit"}
    assert shipped.head.model_dump() == LogisticSpec().model_dump() == head
    assert (softmax.INTERCEPT_VARIANCE, cross_validation.PRIOR, cross_validation.PER_CLASS) == (3.0, 100.0, 3.0)
    bait = {"regularisation": 3.0, "relative": True, "scales": "paper", "oversample": 2}
    assert shipped.strategies["bait"] == {"strategy": "bait", "query_subset": None} | bait
    assert shipped.grid.strategies == list(DEFAULT_STRATEGIES)
    assert all(shipped.strategies[name]["query_subset"] is None for name in STRATEGIES)
    clusters = {"neighbours": 20, "max_clusters": 500, "min_cluster_size": 5, "normalise": True}
    coverage = {"purity": 0.95, "radius": None, "clusters": None, "normalise": True}
    assert shipped.pools == {
        "random": {"pool": "random"},
        "typiclust": {"pool": "typiclust", "distance": "euclidean"} | clusters,
        "coreset": {"pool": "coreset"},
        "kmeans": {"pool": "kmeans", "normalise": True},
        "probcover": {"pool": "probcover"} | coverage,
        "maxherding": {"pool": "maxherding", "bandwidth": 1.0, "references": 5000, "normalise": True},
    }
    assert shipped.grid.pools == ["random", "typiclust"]
    assert shipped.budget.model_dump() == {
        "track": "custom",
        "glae": {"initial": 100, "batch": 100, "rounds": 15},
        "low": {"per_class": 2.0, "rounds": 20},
        "custom": {"initial": 50, "batch": 50, "rounds": 15},
    }


def test_the_shipped_grid_is_valid_and_options_get_their_defaults(load):
    loaded = load({"strategies.badge": {}})
    assert loaded.grid.seeds == 5
    assert loaded.strategies["badge"]["first"] == "largest"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid.datasets": ["docs_libary"]}, r"grid\.datasets: .*'docs_libary'.*mean 'docs_library'.*docs_kind"),
        ({"grid.embedders": ["minilmm"]}, r"grid\.embedders: .*mean 'minilm'"),
        ({"grid.strategies": ["random", "bagde"]}, r"grid\.strategies: .*mean 'badge'"),
        ({"grid.strategies": ["margin", "badge"]}, r"grid\.strategies: 'random' is missing; add it"),
        ({"grid.pools": ["typiclus"]}, r"grid\.pools: .*mean 'typiclust'"),
        ({"grid.pools": []}, r"grid\.pools: .*at least 1"),
        ({"grid.pools": ["random", "random"]}, r"grid\.pools: random .*more than once"),
        ({"grid.datasets": ["../x"]}, r"grid\.datasets: '\.\./x' is no legal name"),
        ({"grid.seeds": 0}, r"grid\.seeds: .*greater than or equal to 1.*0"),
        ({"grid.seeds": "5"}, r"grid\.seeds: .*valid integer.*'5'"),
        ({"grid.seeds": True}, r"grid\.seeds: .*integer"),
        ({"grid.seed": 5}, r"grid: unknown key 'seed'.*mean 'seeds'"),
        ({"grid": DELETED}, r"grid: Field required"),
        ({"focus.embedder": "bert"}, r"focus\.embedder: .*'bert'"),
        ({"budget.track": "gla"}, r"budget\.track: .*'glae'.*'gla'"),
        ({"budget.track": "glae", "budget.glae.initial": 5000}, r"k₀ = 5000 is larger than the pool of docs_library"),
        ({"budget.low.per_class": float("nan")}, r"budget\.low\.per_class: .*finite"),
        ({"head.C": -1.0}, r"head\.C.*: .*greater than 0"),
        ({"head.C": "-1e-3"}, r"head\.C.*: .*greater than 0"),
        ({"head.C": "vc"}, r"head\.C.*'cv'.*'vc'"),
        ({"head.intercept": "fre"}, r"head\.intercept: .*'free'.*'fre'"),
        ({"head.centre": 1}, r"head\.centre: .*boolean"),
        ({"head.scaling": "units"}, r"head\.scaling: .*'unit'.*'units'"),
        ({"head.kind": "logistics"}, r"head\.kind: unknown kind 'logistics'.*mean 'logistic'.*knn, lda, logistic, mlp"),
        ({"head": {"kind": "knn", "neighbors": 1}}, r"head: unknown key 'neighbors'.*neighbours"),
        ({"head": {"kind": "lda", "shrinkage": 0.0}}, r"head\.shrinkage.*: .*greater than 0"),
        (
            {"head": {"kind": "mlp"}, "grid.strategies": ["random", "alfamix"]},
            r"grid\.strategies: alfamix needs a linear head, and head\.kind is 'mlp'; choose logistic, lda or ridge",
        ),
        ({"annotator": {"noise": "symetric"}}, r"annotator\.noise: unknown noise 'symetric'.*mean 'symmetric'"),
        ({"annotator": {"noise": "next"}}, r"annotator\.rate: Field required"),
        ({"annotator": {"noise": "symmetric", "rate": 1.5}}, r"annotator\.rate: .*less than or equal to 1.*1\.5"),
        ({"annotator": {"noise": "matrix", "matrix": [[1.0, 0.0], [0.5, 0.4]]}}, r"annotator.*: row 1 of the matrix"),
        ({"datasets.docs_kind.source": "doc"}, r"datasets\.docs_kind.*source.*'doc'"),
        ({"datasets.docs_kind.trian": 3}, r"datasets\.docs_kind: unknown key 'trian'.*mean 'train'"),
        ({"embedders.lsa.kind": "lsaa"}, r"embedders\.lsa\.kind: unknown kind 'lsaa'.*mean 'lsa'"),
        ({"embedders.Bad-Name": {"kind": "lsa"}}, r"embedders: 'Bad-Name' is no legal name"),
        ({"strategies.badge": {"frist": "largest"}}, r"strategies: badge.*'frist'.*mean 'first'"),
        ({"strategies.badge": {"first": "biggest"}}, r"strategies: badge\.first: .*'largest'.*'biggest'"),
        ({"strategies.marginn": {}}, r"strategies: unknown query strategy 'marginn'.*mean 'margin'"),
        ({"strategies.bait_01": {"strategy": "bat"}}, r"strategies: unknown query strategy 'bat'.*mean 'bait'"),
        ({"strategies.bait_01": {"strategy": "bait", "regularization": 1.0}}, r"bait_01.*mean 'regularisation'"),
        ({"strategies.bait_01": {"regularisation": 1.0}}, r"unknown query strategy 'bait_01'.*strategy: bait"),
        ({"strategies.margin": {"strategy": "bait"}}, r"strategies: margin\.strategy: .*call it otherwise"),
        ({"strategies.Bait": {"strategy": "bait"}}, r"strategies: 'Bait' is no legal name"),
        ({"strategies.margin": {"query_subset": 0}}, r"strategies: margin\.query_subset: .*greater than or equal to 1"),
        ({"pools.far": {"pool": "coresett"}}, r"pools: unknown pool selection 'coresett'.*mean 'coreset'"),
        (
            {"strategies.mixed": {"strategy": "alfamix"}, "head": {"kind": "mlp"},
             "grid.strategies": ["random", "mixed"]},
            r"grid\.strategies: mixed needs a linear head",
        ),
        (
            {"datasets.docs_kind.budget": {"initial": 5000, "batch": 5, "rounds": 20}},
            r"datasets\.docs_kind\.budget\.initial: k₀ = 5000 is larger than the pool of docs_kind",
        ),
        ({"datasets.docs_kind.budget": {"initial": 5, "batch": 5}}, r"datasets\.docs_kind\.budget\.rounds: .*required"),
        ({"pools.typiclust": {"neighbours": "many"}}, r"pools: typiclust\.neighbours: .*integer"),
    ],
)  # fmt: skip
def test_an_error_names_the_bad_key_the_legal_values_and_the_nearest_match(load, changes, message):
    with pytest.raises(UserError, match=message):
        load(changes)


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1e-3", 1e-3), ("1e-05", 1e-5), ("2E3", 2000.0), ("1.5e+1", 15.0), (".5e1", 5.0), ("10", 10.0), ("cv", "cv")],
)
def test_a_number_is_a_number_however_yaml_reads_it(load, written, meant):
    assert load({"head.C": yaml.safe_load(written)}).head == LogisticSpec(C=meant)


def test_numbers_are_understood_in_options_and_lists_too_and_text_stays_text(load):
    matrix = [["1e0", "0e0"], ["5e-1", 0.5]]
    loaded = load(
        {
            "strategies.probcover": {"purity": "9e-1"},
            "annotator": {"noise": "matrix", "matrix": matrix},
            "embedders.minilm.revision": "1e5",
            "budget.low.per_class": "1e1",
        }
    )
    assert loaded.strategies["probcover"]["purity"] == 0.9
    assert loaded.annotator.matrix == [[1.0, 0.0], [0.5, 0.5]]
    assert loaded.embedders["minilm"].revision == "1e5"
    assert loaded.budget.low.per_class == 10.0


def test_instructions_for_a_task_that_is_not_there(load):
    with pytest.raises(UserError, match=r"embedders.sfr_2.instructions: unknown .*'sst'. Did you mean 'sst2'"):
        load({"embedders.sfr_2.instructions": {"sst": "Judge"}})


def test_sections_of_an_older_file_mean_what_they_meant(load):
    loaded = load({"head": {"C": 7.0, "scaling": "none"}, "annotator": DELETED})
    assert loaded.head == LogisticSpec(C=7.0, scaling="none")
    assert loaded.annotator == Exact()


@pytest.mark.parametrize("kind", ["logistic", "lda", "ridge"])
def test_linear_heads_go_with_every_strategy(load, kind):
    assert load({"head": {"kind": kind}, "grid.strategies": list(STRATEGIES)}).head.kind == kind


@pytest.mark.parametrize("text", ["", "- a", "grid: [", "\x00"])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml"):
        params.load(path)


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(UserError, match=r"dvc\.yaml"):
        params.load(tmp_path / "params.yaml")


def test_budget_tracks_resolve_to_labels(load):
    low = load({"budget.track": "low", "budget.low": {"per_class": 1.25, "rounds": 20}}).budget.resolve(None, 4)
    assert (low.initial, low.batch, low.rounds) == (5, 5, 20)
    glae = load({"budget.track": "glae"}).budget.resolve(None, 4)
    assert (glae.initial, glae.batch, glae.rounds) == (100, 100, 15)


@pytest.mark.parametrize("kind", ["mlp", "knn", "lda", "ridge"])
def test_another_kind_of_head_needs_no_word_about_what_belongs_to_the_one_before(load, kind):
    """As ``dvc exp run -S head.kind=knn`` does it."""
    assert load({"head.kind": kind, "grid.strategies": ["random"]}).head.kind == kind
    with pytest.raises(UserError, match="unknown key 'neighbors'"):
        load({"head.kind": kind, "head.neighbors": 3})


def test_options_of_another_kind_of_head_do_not_count(load):
    knn = {"head.kind": "knn", "grid.strategies": ["random"]}
    assert load(knn | {"head.C": 0.1}).head == load(knn).head
    assert load({"head.neighbours": 3}).head == load({}).head
    with pytest.raises(UserError, match=r"head\.kind: .*'kn'.*mean 'knn'"):
        load({"head.kind": "kn"})


def test_a_task_may_have_a_budget_of_its_own(load):
    own = {"initial": 5, "batch": 5, "rounds": 20}
    loaded = load({"datasets.docs_kind.budget": own, "budget.track": "glae"})
    assert loaded.rounds("docs_kind", 15).model_dump() == own
    assert loaded.rounds("docs_module", 50).model_dump() == {"initial": 100, "batch": 100, "rounds": 15}


def test_an_entry_may_name_its_strategy_and_its_pool(load):
    loaded = load(
        {
            "strategies.bait_01": {"strategy": "bait", "regularisation": 0.1, "query_subset": 1000},
            "pools.far": {"pool": "coreset"},
            "grid.strategies": ["random", "bait", "bait_01"],
            "grid.pools": ["random", "far"],
        }
    )
    entry = loaded.strategies["bait_01"]
    assert (entry["strategy"], entry["regularisation"], entry["query_subset"]) == ("bait", 0.1, 1000)
    assert loaded.strategies["bait"]["query_subset"] is None
    assert loaded.pools["far"] == {"pool": "coreset"}
    assert load({"strategies": loaded.strategies, "pools": loaded.pools}).strategies == loaded.strategies
