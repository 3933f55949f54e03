"""The fitted score: a logistic regression that knows what evidence there is, and boosted trees, averaged; plain numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("model.json")
SIGNS = "wording.signs"
FARTHEST = 4.0  # standard deviations; one odd measure cannot decide alone


@dataclass(frozen=True, slots=True)
class Tree:
    """Arrays by node. `feature` is -1 at a leaf; `value` is the mean of the leaves below, so each step has a part of its own."""

    feature: Sequence[int]
    threshold: Sequence[float]
    left: Sequence[int]
    right: Sequence[int]
    missing_left: Sequence[int]
    value: Sequence[float]

    def add_to(self, parts: list[float], values: Sequence[float]) -> None:
        """Adds to each feature's part what its splits on the way down changed."""
        node = 0
        while (feature := self.feature[node]) >= 0:
            value = values[feature]
            goes_left = self.missing_left[node] if value != value else value <= self.threshold[node]
            after = self.left[node] if goes_left else self.right[node]
            parts[feature] += self.value[after] - self.value[node]
            node = after


@dataclass(frozen=True, slots=True)
class Model:
    """Everything in log odds until the last step. `calibration`: slope and offset by situation."""

    features: tuple[str, ...]
    fill: tuple[float, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    weights: Mapping[str, tuple[float, ...]]
    intercepts: Mapping[str, float]
    trees: tuple[Tree, ...]
    trees_base: float
    trees_share: float
    signs_weight: Mapping[str, float]
    calibration: Mapping[str, tuple[float, float]]
    this_year: int

    def parts(self, measures: Mapping[str, float], situation: str) -> tuple[float, dict[str, float]]:
        """The log odds where nothing speaks for or against, and what each measure adds, in log odds."""
        values = [measures.get(name, math.nan) for name in self.features]
        of_trees = [0.0] * len(values)
        for tree in self.trees:
            tree.add_to(of_trees, values)
        share, (slope, offset) = self.trees_share, self.calibration[situation]
        base = share * (self.trees_base + sum(tree.value[0] for tree in self.trees)) + (1 - share) * self.intercepts[situation]
        found: dict[str, float] = {}
        for place, (name, value) in enumerate(zip(self.features, values, strict=True)):
            part = share * of_trees[place] + (1 - share) * self._linear(place, value, situation)
            if name == SIGNS and name in measures:
                part += self.signs_weight[situation] * value
            if name in measures:
                found[name] = slope * part
            else:
                base += part
        return slope * base + offset, found

    def _linear(self, place: int, value: float, situation: str) -> float:
        known = self.fill[place] if value != value else value
        deviations = (known - self.mean[place]) / self.deviation[place]
        return self.weights[situation][place] * max(-FARTHEST, min(FARTHEST, deviations))


@lru_cache(maxsize=1)
def load(file: Path = FILE) -> Model:
    return from_numbers(json.loads(file.read_text("utf-8")))


def from_numbers(numbers: Mapping[str, Any]) -> Model:
    """The model of what scripts/training/hallucination.py wrote."""
    return Model(
        tuple(numbers["features"]),
        tuple(numbers["fill"]),
        tuple(numbers["mean"]),
        tuple(numbers["deviation"]),
        {name: tuple(values) for name, values in numbers["weights"].items()},
        numbers["intercepts"],
        tuple(Tree(**tree) for tree in numbers["trees"]),
        numbers["trees_base"],
        numbers["trees_share"],
        numbers["signs_weight"],
        {name: (pair[0], pair[1]) for name, pair in numbers["calibration"].items()},
        numbers["this_year"],
    )


def situation(measures: Mapping[str, float]) -> str:
    """Which evidence there is: it decides how much a measure says."""
    if "samples.share" in measures:
        return "samples"
    if "support.no_content" not in measures:
        return "bare"
    if "scope.beside" not in measures:
        return "sources"
    return "statement" if measures["scope.beside"] else "question"


SITUATIONS = ("samples", "bare", "sources", "statement", "question")
