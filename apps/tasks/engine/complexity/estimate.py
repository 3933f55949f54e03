"""The estimate of one prompt: how hard it is, 0-100, what kind of task, and which features moved the number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from apps.tasks.engine.complexity.features import read
from apps.tasks.engine.complexity.fitted import Model, shipped
from apps.tasks.engine.complexity.kinds import TaskType, kind_of

Band = Literal["local", "fast", "balanced", "top"]
BANDS: tuple[tuple[float, Band], ...] = ((30.0, "local"), (60.0, "fast"), (80.0, "balanced"), (100.0, "top"))  # score up to
IMAGES_ADD = 10.0  # stated rules: the data has no images and no long conversations
CONTEXT_ADDS = 12.0  # from 32,000 tokens on, less in proportion below
CONTEXT_TOKENS = 32_000
SHOWN = 8
SMALL_TALK_AT_MOST = 10.0


@dataclass(frozen=True, slots=True)
class Feature:
    """`contribution`: the points of 0-100 by which the number would be lower without it, to first order."""

    name: str
    value: float
    contribution: float


@dataclass(frozen=True, slots=True)
class Complexity:
    """`features` are those that moved the number most, strongest first."""

    score: float
    task_type: TaskType
    features: tuple[Feature, ...]
    band: Band


def estimate(prompt: str, *, has_images: bool = False, context_tokens: int = 0, model: Model | None = None) -> Complexity:
    """Score of 0-100 (higher: a strong model is likelier to be worth its price), kind of task and the reasons.

    `context_tokens`: what is sent along with the prompt, such as earlier messages or documents.
    """
    model = model or shipped()
    reading = read(prompt)
    kind = kind_of(prompt, reading, has_images=has_images)
    raw, parts = model.raw(reading)
    level = model.level_of(raw, has_options=reading.has_options)
    if kind == "chat":
        level *= SMALL_TALK_AT_MOST / 100.0
    added = {"images": IMAGES_ADD * has_images, "context": CONTEXT_ADDS * min(1.0, context_tokens / CONTEXT_TOKENS)}
    score = round(max(0.0, min(100.0, level + sum(added.values()))), 3)
    slope = model.slope_at(level, has_options=reading.has_options)
    moved = {**{name: amount * slope for name, amount in parts.items()}, **added}
    values = {**reading.values, "images": float(has_images), "context": float(context_tokens)}
    return Complexity(score, kind, _strongest(moved, values), band_of(score))


def band_of(score: float) -> Band:
    return next(name for most, name in BANDS if score <= most)


def _strongest(moved: dict[str, float], values: dict[str, float]) -> tuple[Feature, ...]:
    names = sorted((name for name in moved if moved[name]), key=lambda name: -abs(moved[name]))[:SHOWN]
    return tuple(Feature(name, round(values.get(name, 0.0), 3), round(moved[name], 2)) for name in names)
