"""The practice models that ship with the product: three tiny language models of different skill, and a task to watch them at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "practice"


@dataclass(frozen=True, slots=True)
class PracticeModel:
    """`scores` is the share of exactly right answers by kind, on prompts never trained on, out of `scored_on` prompts each."""

    key: str
    path: Path
    display_name: str
    sha256: str
    size_bytes: int
    context_length: int
    training_step: int
    scores: Mapping[str, float]
    scored_on: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """A task whose steps these models disagree on, and who takes which seat (keys of practice models)."""

    description: str
    planner: str
    executor: str
    validator: str
    tie_breaker: str


@cache
def practice_models() -> tuple[PracticeModel, ...]:
    """From the most to the least skilled."""
    return tuple(
        PracticeModel(
            key=Path(one["file"]).stem,
            path=FOLDER / one["file"],
            display_name=one["display_name"],
            sha256=one["sha256"],
            size_bytes=one["size_bytes"],
            context_length=one["context_length"],
            training_step=one["training_step"],
            scores={kind: score["right"] for kind, score in one["scores"].items()},
            scored_on={kind: score["n"] for kind, score in one["scores"].items()},
        )
        for one in _manifest()["models"]
    )


def sample(language: str) -> Sample:
    """The task in English, or in Portuguese for any `pt` language code."""
    raw = _manifest()["sample"]
    descriptions = raw["description"]
    return Sample(description=descriptions["pt-br" if language.lower().startswith("pt") else "en"], **raw["models"])


@cache
def _manifest() -> dict[str, Any]:
    return json.loads((FOLDER / "manifest.json").read_text())
