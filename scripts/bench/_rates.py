"""How often something happened, with the interval that so few trials allow."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z = 1.959964  # of 95 %


@dataclass(frozen=True, slots=True)
class Rate:
    """`times` out of `trials`; `low` and `high` are Wilson's 95 % interval, shares of 1."""

    times: int
    trials: int

    @property
    def share(self) -> float | None:
        return self.times / self.trials if self.trials else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """
        >>> Rate(0, 10).interval
        (0.0, 0.2775)
        """
        if not self.trials:
            return None
        share, n = self.times / self.trials, self.trials
        middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
        return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)

    @property
    def words(self) -> str:
        """ "12 % (5-24), n 40"; a dash where there was no trial."""
        if self.share is None or self.interval is None:
            return "–"
        low, high = self.interval
        return f"{100 * self.share:.0f} % ({100 * low:.0f}-{100 * high:.0f}), n {self.trials}"
