import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from nofreelunch.evaluation import student


def test_quantiles_and_tails_are_scipys_to_the_last_bit():
    rng = np.random.default_rng(0)
    freedom = np.concatenate([np.arange(1, 200), rng.uniform(0.01, 500, 300), [np.inf, np.nan, 0, -1]])
    p, t = rng.uniform(size=len(freedom)), rng.standard_t(3, len(freedom))
    t[:4] = np.inf, -np.inf, np.nan, 0
    np.testing.assert_array_equal(student.quantile(p, freedom), stats.t.ppf(p, freedom))
    np.testing.assert_array_equal(student.tail(t, freedom), stats.t.sf(t, freedom))
    assert student.quantile(0.975, 9) == pytest.approx(2.262, abs=5e-4)


@pytest.mark.parametrize("module", ["stages.report", "stages.plot", "nofreelunch.__main__"])
def test_what_takes_long_to_import_is_left_to_what_needs_it(module):
    slow = {"scipy.stats", "scipy.optimize", "sklearn", "torch"} | ({"pandas"} if module[0] == "n" else set())
    code = f"import sys, {module}; print(*sorted({slow} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
