"""Trees as plain numbers: boosted ones, that add log odds, and random ones, whose chances are averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_UNKNOWN = -1.0  # what a random tree reads where there was nothing to measure
_SUREST = 0.01


@dataclass(frozen=True, slots=True)
class BoostedTree:
    """Arrays by node. `feature` is -1 at a leaf; `value` is the mean of the leaves below, so each step has a part of its own."""

    feature: Sequence[int]
    threshold: Sequence[float]
    left: Sequence[int]
    right: Sequence[int]
    missing_left: Sequence[int]
    value: Sequence[float]

    def add_to(self, parts: list[float], values: Sequence[float]) -> None:
        """Adds to each feature's part what its splits on the way down changed, in log odds."""
        node = 0
        while (feature := self.feature[node]) >= 0:
            value = values[feature]
            goes_left = self.missing_left[node] if value != value else value <= self.threshold[node]
            after = self.left[node] if goes_left else self.right[node]
            parts[feature] += self.value[after] - self.value[node]
            node = after


@dataclass(frozen=True, slots=True)
class RandomTree:
    """Arrays by node; the left child is the node after. `value`: the share of wrong answers below."""

    feature: Sequence[int]
    threshold: Sequence[float]
    right: Sequence[int]
    value: Sequence[float]

    def add_to(self, parts: list[float], values: Sequence[float]) -> None:
        """Adds to each feature's part what its splits on the way down changed, in chance."""
        node = 0
        while (feature := self.feature[node]) >= 0:
            after = node + 1 if values[feature] <= self.threshold[node] else self.right[node]
            parts[feature] += self.value[after] - self.value[node]
            node = after


@dataclass(frozen=True, slots=True)
class Forest:
    trees: tuple[RandomTree, ...]

    def parts(self, values: Sequence[float]) -> tuple[float, list[float]]:
        """The log odds of the whole data, and what each feature adds, in log odds."""
        known = [_UNKNOWN if value != value else value for value in values]
        parts = [0.0] * len(values)
        for tree in self.trees:
            tree.add_to(parts, known)
        count = len(self.trees)
        base = sum(tree.value[0] for tree in self.trees) / count
        change = sum(parts) / count
        base_log_odds, log_odds = _log_odds(base), _log_odds(base + change)
        scale = (log_odds - base_log_odds) / change / count if abs(change) > 1e-9 else 0.0
        return base_log_odds, [part * scale for part in parts]


def _log_odds(chance: float) -> float:
    surest = min(1 - _SUREST, max(_SUREST, chance))
    return math.log(surest / (1 - surest))
