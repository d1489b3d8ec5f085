import numpy as np
import pytest

from nofreelunch.base.errors import UserError
from nofreelunch.evaluation.audit import Estimate
from nofreelunch.labelling.forecast import Forecast
from nofreelunch.labelling.stopping import Signals, kappa, parse, uncertainties

NOW = Signals(
    labels=400,
    accuracy=Estimate(0.92, 0.86, 0.96, 80),
    forecast=Forecast(400, 100, 0.004, -0.002, 0.011),
    uncertainty=0.2,
    doubt=0.9,
    agreement=0.985,
    changed=0.0,
)


@pytest.mark.parametrize(
    ("rule", "stops"),
    [
        ("gain<0.5", True),
        ("gain < 0.4", False),
        ("accuracy>0.9", False),  # 92 %, but not surely
        ("accuracy>0.85", True),
        ("accuracy>=85%", True),
        ("labels>=400", True),
        ("labels>400", False),
        ("uncertainty<0.05", False),
        ("doubt<0.95", True),
        ("agreement>0.98", True),
        ("changed<=0", True),
        ("gain<0.5 and accuracy>0.9", False),
        ("gain<0.5 or accuracy>0.9", True),
        ("accuracy>0.9 and gain<0.5 or labels>=300", True),
        ("accuracy>0.9 or gain<0.5 and labels>=500", False),
    ],
)
def test_rules_hold_as_they_read(rule, stops):
    assert parse(rule).holds(NOW) is stops


def test_what_is_not_known_stops_nothing():
    unknown = Signals(labels=10)
    for name, sign in {"gain": "<", "accuracy": ">", "uncertainty": "<", "doubt": "<", "agreement": ">"}.items():
        rule = parse(f"{name}{sign}0.5")
        assert not rule.holds(unknown)
        assert rule.words(unknown).startswith("Go on")


def test_words_say_what_was_seen():
    assert parse("gain<0.5").words(NOW) == "Stop (gain<0.5): 100 more labels: +0.4 points (−0.2 to +1.1)."
    assert parse("accuracy>90%").words(NOW) == "Go on (accuracy>0.9): the accuracy is 92.0 %, surely above 86.0 %."


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("gain", "not like gain<0.5"),
        ("", "not like gain<0.5"),
        ("gain<0.5 and", "not like gain<0.5"),
        ("gains<0.5", "Did you mean 'gain'"),
        ("gain>0.5", "Write gain<0.5"),
        ("accuracy<0.9", "Write accuracy>0.9"),
        ("accuracy>90", "accuracy>90%"),
    ],
)
def test_what_is_no_rule_is_refused_with_the_cure(rule, message):
    with pytest.raises(UserError, match=message):
        parse(rule)


def test_kappa_as_worked_out_by_hand():
    # Cohen's own kind of table: 40 of 50 agree, 25 expected by chance.
    before = np.array([0] * 25 + [1] * 25)
    after = np.array([0] * 20 + [1] * 5 + [0] * 5 + [1] * 20)
    assert kappa(before, after, 2) == pytest.approx(0.6)
    assert kappa(before, before, 2) == 1
    assert kappa(before * 0, before * 0, 2) == 1


def test_uncertainty_is_one_where_all_is_as_likely_and_zero_where_all_is_clear():
    found = uncertainties(np.array([[0.25] * 4, [1.0, 0, 0, 0], [0.5, 0.5, 0, 0]]))
    assert found == pytest.approx([1, 0, 0.5], abs=1e-6)
    assert uncertainties(np.ones((3, 1))).tolist() == [0, 0, 0]
