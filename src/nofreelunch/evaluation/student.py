"""Student's t distribution, bit for bit as `scipy.stats.t` has it, whose module is slow to import."""

import numpy as np
import numpy.typing as npt
from scipy import special

from nofreelunch.base.arrays import Float64Array


def quantile(p: npt.ArrayLike, freedom: npt.ArrayLike) -> Float64Array:
    """The value that is exceeded with probability 1 − ``p``, by degrees of ``freedom``."""
    return np.asarray(special.stdtrit(freedom, p))


def tail(t: npt.ArrayLike, freedom: npt.ArrayLike) -> Float64Array:
    """The probability of more than ``t``."""
    return np.asarray(special.stdtr(freedom, -np.asarray(t)))
