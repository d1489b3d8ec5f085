from itertools import combinations

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from nofreelunch.report.figures import style
from nofreelunch.selection.strategies import STRATEGIES


def test_every_registered_strategy_has_a_look_of_its_own():
    looks = [style.look(name) for name in STRATEGIES]
    assert len({(look.colour, str(look.dash)) for look in looks}) == len(STRATEGIES)
    assert all(name in style._LOOKS for name in STRATEGIES)


def test_random_is_grey_and_dashed_and_unknown_names_are_steady():
    look = style.look("random")
    assert len(set(to_rgb(look.colour))) == 1
    assert look.dash != "-"
    assert style.look("my_own") == style.look("my_own")


# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
BLIND = {
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
}


def seen(colour, kind):
    channels = np.array(to_rgb(colour))
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(BLIND[kind]) @ linear, 0, 1)
    x, y, z = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    fx, fy, fz = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x / 0.9505, y, z / 1.089))
    return np.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


@pytest.mark.parametrize("kind", BLIND)
def test_colour_blind_readers_can_tell_the_strategies_apart(kind):
    for a, b in combinations(STRATEGIES, 2):
        one, other = style.look(a), style.look(b)
        distance = np.linalg.norm(seen(one.colour, kind) - seen(other.colour, kind))
        assert distance > 10 or str(one.dash) != str(other.dash), (a, b, distance)


def test_styled_leaves_the_settings_as_they_were():
    before = dict(matplotlib.rcParams)
    with style.styled():
        assert matplotlib.rcParams["savefig.dpi"] == 150
    assert dict(matplotlib.rcParams) == before


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.3))
def test_spread_keeps_labels_apart_in_order_and_inside(wanted, gap):
    placed = np.array(style.spread(wanted, gap, 0, 1))
    room = min(gap, 1 / max(len(wanted) - 1, 1))
    order = np.argsort(wanted, kind="stable")
    assert (np.diff(placed[order]) >= room - 1e-9).all()
    assert placed.min() >= -1e-9
    assert placed.max() <= 1 + 1e-9


def test_spread_moves_nothing_that_fits():
    assert style.spread([0.2, 0.9, 0.5], 0.1, 0, 1) == pytest.approx([0.2, 0.9, 0.5])
    assert style.spread([0.5, 0.5], 0.2, 0, 1) == pytest.approx([0.4, 0.6])
    assert style.spread([], 0.1, 0, 1) == []


@pytest.mark.parametrize("grey", [0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
def test_ink_has_the_better_contrast(grey):
    def luminance(colour):
        channels = np.array(to_rgb(colour))
        return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ [
            0.2126,
            0.7152,
            0.0722,
        ]

    def contrast(a, b):
        high, low = sorted((luminance(a), luminance(b)), reverse=True)
        return (high + 0.05) / (low + 0.05)

    ground = (grey, grey, grey)
    chosen = style.ink_on(ground)
    other = style.INK if chosen == "white" else "white"
    assert contrast(chosen, ground) >= 0.95 * contrast(other, ground)


def test_what_comes_from_outside_is_marked_within_and_only_there():
    with style.marking(["my_own"]):
        assert style.words("my_own") == "my own ‡"
        assert style.words("margin") == "margin"
    assert style.words("my_own") == "my own"
