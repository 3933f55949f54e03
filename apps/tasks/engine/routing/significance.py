"""Do two strategies really differ, and how many prompts does it take to see it? Plain statistics, exact to about 1e-9.

Shares are compared by the two-proportion z-test, means by Welch's t-test, which does not suppose equal spreads. Sample sizes are
the usual ones for two sides of equal size. Formulas: NIST/SEMATECH e-Handbook of Statistical Methods, 7.3.1, 7.3.3 and 7.2.4
(https://www.itl.nist.gov/div898/handbook/prc/section3/prc3.htm, 2026-11).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, exp, inf, lgamma, log, log1p, sqrt
from statistics import NormalDist, fmean, variance

ALPHA = 0.05  # how often two equal strategies may be called different
POWER = 0.80  # how often the stated difference is found, where there is one
NORMAL = NormalDist()
_ENOUGH = 1e-14
_LEAST = 1e-300


@dataclass(frozen=True, slots=True)
class Comparison:
    """What B has over A: `difference` with its interval at 1 - ALPHA, and how likely so large a one is between equals."""

    a: float
    b: float
    n_a: int
    n_b: int
    difference: float
    low: float
    high: float
    p: float

    @property
    def is_significant(self) -> bool:
        return self.p < ALPHA


def compare_shares(yes_a: int, n_a: int, yes_b: int, n_b: int) -> Comparison:
    """Two-proportion z-test, two-sided, pooled under the null; the interval is unpooled. Needs one prompt on each side."""
    a, b = yes_a / n_a, yes_b / n_b
    pooled = (yes_a + yes_b) / (n_a + n_b)
    error_of_equals = sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b))
    p = 2 * NORMAL.cdf(-abs(b - a) / error_of_equals) if error_of_equals else 1.0
    reach = NORMAL.inv_cdf(1 - ALPHA / 2) * sqrt(a * (1 - a) / n_a + b * (1 - b) / n_b)
    return Comparison(a, b, n_a, n_b, b - a, b - a - reach, b - a + reach, p)


def compare_means(a: Sequence[float], b: Sequence[float]) -> Comparison:
    """Welch's t-test, two-sided, with its interval. Needs two values on each side."""
    mean_a, mean_b = fmean(a), fmean(b)
    part_a, part_b = variance(a) / len(a), variance(b) / len(b)
    error, difference = sqrt(part_a + part_b), mean_b - mean_a
    if not error:
        p = 1.0 if difference == 0 else 0.0
        return Comparison(mean_a, mean_b, len(a), len(b), difference, difference, difference, p)
    freedom = (part_a + part_b) ** 2 / (part_a**2 / (len(a) - 1) + part_b**2 / (len(b) - 1))
    reach = t_beyond(ALPHA, freedom) * error
    p = t_two_sided(difference / error, freedom)
    return Comparison(mean_a, mean_b, len(a), len(b), difference, difference - reach, difference + reach, p)


def sample_for_shares(base: float, effect: float, *, alpha: float = ALPHA, power: float = POWER) -> int:
    """Prompts on each side, to see a share of `base` (0-1) become one that is `effect` away, on whichever side there is room."""
    other = base + effect if base + effect <= 1 else base - effect
    if not 0 <= other <= 1 or effect <= 0:
        raise ValueError("there is no such share")
    middle = (base + other) / 2
    both = NORMAL.inv_cdf(1 - alpha / 2) * sqrt(2 * middle * (1 - middle))
    seen = NORMAL.inv_cdf(power) * sqrt(base * (1 - base) + other * (1 - other))
    return max(2, ceil(((both + seen) / effect) ** 2))


def sample_for_means(spread: float, effect: float, *, alpha: float = ALPHA, power: float = POWER) -> int:
    """Prompts on each side, to see means `effect` apart, where single values spread by `spread` (standard deviation)."""
    if effect <= 0 or spread < 0:
        raise ValueError("there is no such difference")
    return max(2, ceil(2 * ((NORMAL.inv_cdf(1 - alpha / 2) + NORMAL.inv_cdf(power)) * spread / effect) ** 2))


# ── Student's t ───────────────────────────────────────────────────────────────────────────────────────────────────


def t_two_sided(t: float, freedom: float) -> float:
    """How likely a |t| as large as this is: I_x(freedom / 2, 1 / 2) with x = freedom / (freedom + t²)."""
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


def t_beyond(p: float, freedom: float) -> float:
    """The t beyond which, on both sides together, a share `p` lies."""
    low, high = 0.0, 2.0
    while t_two_sided(high, freedom) > p:
        high *= 2
        if high == inf:
            return inf
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if t_two_sided(middle, freedom) > p else (low, middle)
    return (low + high) / 2


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (Numerical Recipes, 6.4)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, 1 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, 1 / _not_zero(1 - (a + b) * x / (a + 1))
    whole = d
    for m in range(1, 1_000):
        for factor in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / _not_zero(1 + factor * d), _not_zero(1 + factor / c)
            whole *= d * c
        if abs(d * c - 1) < _ENOUGH:
            return whole
    return whole


def _not_zero(number: float) -> float:
    return number if abs(number) > _LEAST else _LEAST
