import numpy as np
import pytest
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

from nofreelunch.base.randomness import generator
from nofreelunch.cells import diagnostics


def blobs(gap, rows=300, classes=4, dim=16):
    rng = generator("test", "blobs")
    labels = rng.integers(classes, size=rows)
    return (gap * np.eye(classes, dim)[labels] + 0.3 * rng.normal(size=(rows, dim))).astype(np.float32), labels


def test_better_separated_classes_have_better_diagnostics():
    near, far = (diagnostics.diagnose(*blobs(gap)) for gap in (0.5, 3.0))
    for name in (*diagnostics.LABELLED, "clusterability"):
        assert far[name] > near[name] + 0.1, name
    assert set(far) == {*diagnostics.LABEL_FREE, *diagnostics.LABELLED}


def test_without_labels_the_label_free_ones_are_the_same():
    x, labels = blobs(1.0)
    assert diagnostics.diagnose(x, None) == {
        name: value for name, value in diagnostics.diagnose(x, labels).items() if name in diagnostics.LABEL_FREE
    }


def test_scale_does_not_count_and_large_pools_are_sampled():
    x, labels = blobs(1.0, rows=2500)
    one, other = diagnostics.diagnose(x, labels), diagnostics.diagnose(7 * x, labels)
    assert one == pytest.approx(other, rel=1e-4)


def test_purity_and_silhouette_are_those_of_scikit_learn():
    x, labels = blobs(1.0)
    x = x.astype(float)
    distances = diagnostics._distances(x)
    near = NearestNeighbors(n_neighbors=11).fit(x).kneighbors(return_distance=False)[:, :10]
    assert diagnostics.knn_purity(distances, labels) == pytest.approx((labels[near] == labels[:, None]).mean())
    assert diagnostics.silhouette(distances, labels) == pytest.approx(silhouette_score(x, labels))


def test_centroid_margin_by_hand():
    # Classes {0, 2} and {5, 5} on a line; without the row itself the own mean is the other member.
    x, labels = np.array([[0.0], [2], [5], [5]]), np.array([0, 0, 1, 1])
    # rows: a, b = 2, 5 → 3/5; 2, 3 → 1/3; 0, 4 → 1; 0, 4 → 1
    assert diagnostics.centroid_margin(x, labels) == pytest.approx((0.6 + 1 / 3 + 1 + 1) / 4)
    assert np.isnan(diagnostics.centroid_margin(x, np.zeros(4, int)))
    assert diagnostics.centroid_margin(x, np.array([0, 0, 0, 1])) == pytest.approx(
        np.mean([(5 - 3.5) / 5, (3 - 0.5) / 3, (0 - 4) / 4])
    )


def test_effective_rank_by_hand():
    x = np.repeat(np.eye(3), 5, axis=0)
    # Centred, three equal corners span a plane with equal axes.
    assert diagnostics.effective_rank(x) == pytest.approx(2)
    assert diagnostics.effective_rank(np.ones((4, 3))) == 1
    line = np.outer(np.linspace(-1, 1, 9), [1.0, 2, 3])
    assert diagnostics.effective_rank(line) == pytest.approx(1)


@pytest.mark.parametrize("dimension", [2, 5])
def test_intrinsic_dimension_finds_the_dimension_of_a_cube_in_a_wider_space(dimension):
    rng = generator("test", "cube", dimension)
    basis = np.linalg.qr(rng.normal(size=(20, dimension)))[0]
    x = rng.uniform(size=(1500, dimension)) @ basis.T
    assert diagnostics.intrinsic_dimension(diagnostics._distances(x)) == pytest.approx(dimension, rel=0.12)


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_repeated_rows_do_not_change_the_intrinsic_dimension(unit, dtype):
    x = generator("test", "repeats").normal(size=(500, 8)).astype(dtype)
    if unit:
        x /= np.linalg.norm(x, axis=1, keepdims=True)
    alone = diagnostics.intrinsic_dimension(diagnostics._distances(x))
    # A repeat that was embedded beside other texts differs in the last bits.
    repeats = x[:50] * (1 + np.finfo(dtype).eps)
    again = diagnostics.intrinsic_dimension(diagnostics._distances(np.concatenate([x, repeats]).astype(np.float64)))
    assert again == pytest.approx(alone, rel=1e-4)
    assert 6 < again < 9


def test_hubness_is_0_on_a_ring_and_grows_with_dimension():
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = np.column_stack([np.cos(angles), np.sin(angles)])
    assert diagnostics.hubness(diagnostics._distances(ring)) == pytest.approx(0, abs=0.3)
    rng = generator("test", "hubs")
    flat, deep = (diagnostics.hubness(diagnostics._distances(rng.normal(size=(400, d)))) for d in (2, 60))
    assert deep > flat + 1


@pytest.mark.parametrize("x", [np.ones((6, 3)), np.zeros((5, 2)), np.eye(2)])
def test_degenerate_embeddings_give_no_errors(x):
    labels = np.arange(len(x)) % 2
    with np.errstate(all="raise"):
        found = diagnostics.diagnose(x, labels)
    assert set(found) == {*diagnostics.LABEL_FREE, *diagnostics.LABELLED}
