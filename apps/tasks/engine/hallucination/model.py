"""The fitted score: a logistic regression that knows what evidence there is, and trees, averaged; plain numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import mul
from pathlib import Path
from typing import Any

from apps.tasks.engine.hallucination.changes import summary
from apps.tasks.engine.hallucination.evidence import Evidence
from apps.tasks.engine.hallucination.trees import BoostedTree, Forest, RandomTree
from apps.tasks.engine.hallucination.vocabulary import weigh

FILE = Path(__file__).with_name("model.json")
SIGNS = "wording.signs"
CHANGED = "wording.changed"
VOCABULARY = "support.vocabulary"
LINEAR, BOOSTED, FOREST = SHARES = (0.25, 0.25, 0.5)  # what each part has to say
FARTHEST = 4.0  # standard deviations; one odd measure cannot decide alone


@dataclass(frozen=True, slots=True)
class Model:
    """Everything in log odds until the last step. Three parts: a logistic regression, boosted trees, a random forest.

    `added`: weights of measures beside the parts, by situation. `calibration`: slope and offset by situation.
    """

    features: tuple[str, ...]
    fill: tuple[float, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    weights: Mapping[str, tuple[float, ...]]
    intercepts: Mapping[str, float]
    boosted: tuple[BoostedTree, ...]
    boosted_base: float
    forest: Forest
    traits: tuple[float, ...]
    traits_base: float
    vocabulary: Mapping[str, tuple[float, ...]]
    added: Mapping[str, Mapping[str, float]]
    calibration: Mapping[str, tuple[float, float]]
    this_year: int

    def measures(self, evidence: Evidence) -> dict[str, float]:
        """What the detectors measured, what the traits of the words come to, and what the vocabulary says."""
        found = evidence.measures()
        changed = [self.traits_base + sum(map(mul, self.traits, change.traits)) for change in evidence.changes]
        found |= summary(changed)
        head = vocabulary_of(situation(found))
        if head and evidence.marks:
            found[VOCABULARY] = weigh(evidence.marks, self.vocabulary[head])
        return found

    def parts(self, measures: Mapping[str, float], situation: str) -> tuple[float, dict[str, float]]:
        """The log odds where nothing speaks for or against, and what each measure adds, in log odds."""
        values = [measures.get(name, math.nan) for name in self.features]
        of_boosted = [0.0] * len(values)
        for tree in self.boosted:
            tree.add_to(of_boosted, values)
        forest_base, of_forest = self.forest.parts(values)
        slope, offset = self.calibration[situation]
        boosted_base = self.boosted_base + sum(tree.value[0] for tree in self.boosted)
        base = LINEAR * self.intercepts[situation] + BOOSTED * boosted_base + FOREST * forest_base
        found: dict[str, float] = {}
        for place, (name, value) in enumerate(zip(self.features, values, strict=True)):
            linear = self._linear(place, value, situation)
            part = LINEAR * linear + BOOSTED * of_boosted[place] + FOREST * of_forest[place]
            if name in measures:
                found[name] = slope * part
            else:
                base += part
        for name, weight in self.added[situation].items():
            if name in measures:
                found[name] = found.get(name, 0.0) + slope * weight * measures[name]
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
        tuple(BoostedTree(**tree) for tree in numbers["boosted"]),
        numbers["boosted_base"],
        Forest(tuple(RandomTree(**tree) for tree in numbers["forest"])),
        tuple(numbers["traits"]),
        numbers["traits_base"],
        {name: tuple(values) for name, values in numbers["vocabulary"].items()},
        numbers["added"],
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
        return "life" if measures.get("support.life") else "sources"
    return "statement" if measures["scope.beside"] else "question"


def vocabulary_of(situation: str) -> str:
    """Which weights the marks have: an edited text gives itself away by other words than one that was made up."""
    return {"life": "told", "question": "told", "sources": "edited"}.get(situation, "")


SITUATIONS = ("samples", "bare", "sources", "life", "statement", "question")
