"""The fitted model of model.json: a linear part for every prompt, and words and trees for questions with options.

How it was fitted, from what and how well it does is written in the file itself and in docs/reference.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import exp, log
from pathlib import Path
from typing import Any

from apps.tasks.engine.complexity.features import Reading

FILE = Path(__file__).with_name("model.json")
CLIP = 3.0  # no single feature is taken for further from the usual than this many standard deviations


@dataclass(frozen=True, slots=True)
class Linear:
    """A weighted sum of standardised features: name -> (mean, scale, weight). A feature that is absent adds nothing."""

    terms: Mapping[str, tuple[float, float, float]]

    def contributions(self, values: Mapping[str, float]) -> dict[str, float]:
        found = {}
        for name, (mean, scale, weight) in self.terms.items():
            if name in values and weight:
                found[name] = weight * max(-CLIP, min(CLIP, (values[name] - mean) / scale))
        return found


WORD_SCORES = ("words_gain", "words_weak", "words_topic_gain", "words_topic_weak")


@dataclass(frozen=True, slots=True)
class Words:
    """Weighted sums over tokens and runs of two and three, by their share of the text as TF-IDF has it.

    `grams`: gram -> (idf, a weight for each of WORD_SCORES): for what a strong model gains, for how often a weak model is right,
    and for the means of both over the subject that the gram points to.
    """

    grams: Mapping[str, tuple[float, ...]]
    usual_idf: float  # stands for the grams that are not in the table, in the length of the text's vector

    def scores(self, tokens: list[str]) -> dict[str, float]:
        """WORD_SCORES, and the sum of gain and weak: how often the strong model is right."""
        gain = weak = topic_gain = topic_weak = squares = 0.0
        unknown = (self.usual_idf, 0.0, 0.0, 0.0, 0.0)
        for gram, count in Counter(grams_of(tokens)).items():
            idf, to_gain, to_weak, to_topic_gain, to_topic_weak = self.grams.get(gram, unknown)
            share = idf if count == 1 else (1.0 + log(count)) * idf
            squares += share * share
            if to_gain or to_weak or to_topic_gain or to_topic_weak:
                gain += share * to_gain
                weak += share * to_weak
                topic_gain += share * to_topic_gain
                topic_weak += share * to_topic_weak
        length = squares**0.5 or 1.0
        sums = dict(zip(WORD_SCORES, (gain / length, weak / length, topic_gain / length, topic_weak / length), strict=True))
        return {**sums, "words_strong": (gain + weak) / length}


def grams_of(tokens: list[str]) -> Iterable[str]:
    yield from tokens
    yield from map(" ".join, pairwise(tokens))
    yield from map(" ".join, zip(tokens, tokens[1:], tokens[2:], strict=False))


@dataclass(frozen=True, slots=True)
class Trees:
    """The mean of decision trees. In each the left branch of a node is the next node; a leaf has no feature (-1)."""

    features: list[str]
    trees: list[dict[str, list[Any]]]

    def score(self, values: Mapping[str, float]) -> tuple[float, dict[str, float]]:
        """The mean of the leaves, and how much each feature moved it on the way down from the roots."""
        given = [values.get(name, 0.0) for name in self.features]
        moved = [0.0] * len(given)
        total = 0.0
        for tree in self.trees:
            feature, threshold, right, value = tree["feature"], tree["threshold"], tree["right"], tree["value"]
            node = 0
            while (index := feature[node]) >= 0:
                child = node + 1 if given[index] <= threshold[node] else right[node]
                moved[index] += value[child] - value[node]
                node = child
            total += value[node]
        count = len(self.trees)
        return total / count, {name: amount / count for name, amount in zip(self.features, moved, strict=True) if amount}


@dataclass(frozen=True, slots=True)
class Model:
    """`raw` is on a scale of its own: 0 is the middle of the prompts it was fitted on, 1 one standard deviation above."""

    general: Linear
    general_centre: float
    general_scale: float
    choice: Mapping[str, Any] | None
    words: Words | None
    trees: Trees | None
    level: tuple[float, float]  # middle and steepness of the curve from raw to 0-100
    choice_level: tuple[float, float]

    def raw(self, reading: Reading) -> tuple[float, dict[str, float]]:
        """The estimate before it is put on the scale of 0-100, and what each feature added to it."""
        parts = {name: amount / self.general_scale for name, amount in self.general.contributions(reading.values).items()}
        general = sum(parts.values()) - self.general_centre / self.general_scale
        if not reading.has_options or self.choice is None or self.words is None or self.trees is None:
            return general, parts
        return self._of_choice(reading, general, parts, self.choice, self.words, self.trees)

    @staticmethod
    def _of_choice(
        reading: Reading, general: float, parts: dict[str, float], choice: Mapping[str, Any], words: Words, trees: Trees
    ) -> tuple[float, dict[str, float]]:
        sums = words.scores(reading.tokens)
        learned, moved = trees.score({**reading.values, **sums})
        said = (sums["words_gain"] - choice["words_centre"]) / choice["words_scale"]
        general = (general - choice["general_centre"]) / choice["general_scale"]
        mixed = {name: choice["general_share"] * amount / choice["general_scale"] for name, amount in parts.items()}
        for name, amount in moved.items():
            mixed[name] = mixed.get(name, 0.0) + amount / choice["scale"]
        mixed["words_gain"] = mixed.get("words_gain", 0.0) + choice["words_share"] * said
        learned = (learned - choice["centre"]) / choice["scale"]
        return learned + choice["words_share"] * said + choice["general_share"] * general, mixed

    def level_of(self, raw: float, *, has_options: bool) -> float:
        """0-100. The order is fitted; where the curve lies between easy and hard is a stated rule."""
        middle, steepness = self.choice_level if has_options and self.choice is not None else self.level
        return 100.0 / (1.0 + exp(-max(-60.0, min(60.0, steepness * (raw - middle)))))

    def slope_at(self, level: float, *, has_options: bool) -> float:
        """Points of 0-100 for one unit of raw at this level."""
        steepness = self.choice_level[1] if has_options and self.choice is not None else self.level[1]
        return steepness * level * (100.0 - level) / 100.0


def model_from(data: Mapping[str, Any]) -> Model:
    """A model from what the training wrote."""
    choice = data.get("choice")
    general = data["general"]
    return Model(
        general=Linear({name: tuple(term) for name, term in general["terms"].items()}),
        general_centre=general["centre"],
        general_scale=general["scale"],
        choice=choice,
        words=Words({gram: tuple(row) for gram, row in choice["words"].items()}, choice["usual_idf"]) if choice else None,
        trees=Trees(choice["features"], choice["trees"]) if choice else None,
        level=tuple(data["level"]),
        choice_level=tuple(data["choice_level"]),
    )


@cache
def shipped() -> Model:
    return model_from(json.loads(FILE.read_text(encoding="utf-8")))
