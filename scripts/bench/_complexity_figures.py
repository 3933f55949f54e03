"""The figures of `complexity`. For the environment in which models are fitted."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

from apps.tasks.engine.complexity import estimate
from apps.tasks.engine.complexity.features import Reading, read
from apps.tasks.engine.complexity.fitted import model_from
from scripts.training.complexity import ENOUGH_CHOICES, FOLDS, fit, part_of, raw_of
from scripts.training.routing import RoutingSet, apgr, bill, interval, load, report, share_needed

HEAD = ("set", "score", "n", "APGR (95 %)", "better than length (95 %)", "CPT50", "CPT80", "bill at 95 %", "bill (95 %)")


def main(folder: Path, *, is_quick: bool) -> None:
    sets = load(folder)
    print(f"\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for name, data in sets.items():
        began = time.process_time()
        shipped = np.array([estimate(prompt).score for prompt in data.prompts])
        took_ms = (time.process_time() - began) * 1000 / len(data.prompts)
        _line(data, "shipped (fitted on all development halves)", shipped)
        if not is_quick:
            for what, score in _unseen(sets, name):
                _line(data, what, score)
        _line(data, "length of the prompt", np.array([float(len(prompt)) for prompt in data.prompts]))
        _line(data, "chance", np.zeros(len(data.prompts)))
        print(f"| {name} | time of one estimate | | {took_ms:.2f} ms | | | | | |", flush=True)


def _unseen(sets: dict[str, RoutingSet], name: str) -> Iterator[tuple[str, np.ndarray]]:
    """Scores by fits that knew less: no label of the set; where there is enough of it, other rows, and other subjects."""
    readings = {one: [read(prompt) for prompt in data.prompts] for one, data in sets.items()}
    others = {other: data for other, data in sets.items() if other != name}
    if others:
        yield "no label of this set", raw_of(model_from(fit(others, readings)), readings[name])
    if sum(reading.has_options for reading in readings[name]) >= ENOUGH_CHOICES:
        yield "other rows of this set", _folds(sets, readings, name, KFold(FOLDS, shuffle=True, random_state=0))
        by_subject = GroupKFold(FOLDS, shuffle=True, random_state=0)
        yield "other subjects of this set", _folds(sets, readings, name, by_subject)


def _folds(sets: dict[str, RoutingSet], readings: dict[str, list[Reading]], name: str, splitter: Any) -> np.ndarray:
    data, score = sets[name], np.zeros(len(sets[name].prompts))
    for seen, rest in splitter.split(score, groups=data.subjects):
        known = {**readings, name: [readings[name][row] for row in seen]}
        model = model_from(fit({**sets, name: part_of(data, seen)}, known))
        score[rest] = raw_of(model, [readings[name][row] for row in rest])
    return score


def _line(data: RoutingSet, what: str, score: np.ndarray) -> None:
    said = report(data, score)
    bills = interval(len(score), lambda rows: bill(part_of(data, rows), score[rows]), times=200)
    cells = (
        data.name,
        what,
        str(len(score)),
        f"{apgr(data.weak, data.strong, score):.3f} ({_range(said['apgr_ci95'])})",
        _range(said["better_than_length_ci95"]),
        f"{100 * share_needed(data.weak, data.strong, score, recovered=0.5):.1f} %",
        f"{100 * share_needed(data.weak, data.strong, score, recovered=0.8):.1f} %",
        f"{bill(data, score):.3f}",
        _range(bills),
    )
    print(f"| {' | '.join(cells)} |", flush=True)
    print(json.dumps({"bench": "complexity", "set": data.name, "score": what, **said, "bill_ci95": bills}), file=sys.stderr)


def _range(ends: Any) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), is_quick="--quick" in sys.argv)
