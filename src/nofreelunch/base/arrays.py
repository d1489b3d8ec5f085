"""Names of the kinds of arrays that pass between functions; docstrings say their shapes."""

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
"""Features, weights, scores and probabilities: what is computed with in bulk."""

Float64Array = npt.NDArray[np.float64]
"""Metrics and statistics, and sums on the way to what is kept as `FloatArray`."""

AnyFloatArray = npt.NDArray[np.floating]
"""Either of them, or float16 as vectors may lie on disk."""

IntArray = npt.NDArray[np.int64]
"""Rows, labels, counts."""

BoolArray = npt.NDArray[np.bool_]

Bits = npt.NDArray[np.uint8]
"""Truth values, eight to a byte as `numpy.packbits` puts them."""

AnyArray = npt.NDArray[Any]
