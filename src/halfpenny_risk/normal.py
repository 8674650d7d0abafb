"""The normal distribution in numpy, so that the service needs no scientific library.

Source: W. J. Cody, "Rational Chebyshev approximations for the error function",
Mathematics of Computation 23 (1969), 631-637; absolute error below 1e-15.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SMALL_TOP = (1.85777706184603153e-1, 3.16112374387056560, 1.13864154151050156e2, 3.77485237685302021e2,
              3.20937758913846947e3)  # fmt: skip
_SMALL_BOTTOM = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3,
                 2.84423683343917062e3)  # fmt: skip
_MIDDLE_TOP = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1,
               2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
               1.23033935479799725e3)  # fmt: skip
_MIDDLE_BOTTOM = (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2,
                  1.62138957456669019e3, 3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3,
                  1.23033935480374942e3)  # fmt: skip
_LARGE_TOP = (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
              1.60837851487422766e-2, 6.58749161529837803e-4)  # fmt: skip
_LARGE_BOTTOM = (1.0, 2.56852019228982242, 1.87295284992346047, 5.27905102951428412e-1,
                 6.05183413124413191e-2, 2.33520497626869185e-3)  # fmt: skip


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    result = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        result = result * x + coefficient
    return result


def erfc(x: Floats) -> Floats:
    """The complementary error function, element by element."""
    x = np.asarray(x, dtype=np.float64)
    size = np.minimum(np.abs(x), 26.0)
    square = size * size
    small = size <= 0.46875
    large = size > 4.0
    out = np.exp(-square)
    out *= np.divide(_polynomial(_MIDDLE_TOP, size), _polynomial(_MIDDLE_BOTTOM, size))
    if small.any():
        part = square[small]
        out[small] = 1.0 - size[small] * _polynomial(_SMALL_TOP, part) / _polynomial(_SMALL_BOTTOM, part)
    if large.any():
        part = size[large]
        inverse = 1.0 / (part * part)
        series = inverse * _polynomial(_LARGE_TOP, inverse) / _polynomial(_LARGE_BOTTOM, inverse)
        out[large] = np.exp(-part * part) / part * (0.56418958354775628695 - series)
    result: Floats = np.where(x < 0.0, 2.0 - out, out)
    return result


def cdf(x: Floats) -> Floats:
    """The probability that a standard normal variable is at most ``x``."""
    result: Floats = 0.5 * erfc(-np.asarray(x, dtype=np.float64) / np.sqrt(2.0))
    return result


def quantile(p: Floats) -> Floats:
    """The standard normal value that is not exceeded with probability ``p``, which lies strictly between 0 and 1."""
    standard = NormalDist()
    return np.array([standard.inv_cdf(float(one)) for one in np.ravel(p)]).reshape(np.shape(p))


def logit(p: Floats) -> Floats:
    """The log-odds of ``p``, which must lie strictly between 0 and 1."""
    p = np.asarray(p, dtype=np.float64)
    result: Floats = np.log(p) - np.log1p(-p)
    return result


def expit(x: Floats) -> Floats:
    """The probability whose log-odds are ``x``."""
    x = np.asarray(x, dtype=np.float64)
    small = np.exp(-np.abs(x))
    result: Floats = np.where(x >= 0.0, 1.0, small) / (1.0 + small)
    return result
