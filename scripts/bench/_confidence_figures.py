"""The figures of `confidence`. For the environment in which models are fitted."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold

from apps.tasks.engine.complexity import estimate
from apps.tasks.engine.trust import assess
from scripts.training.confidence import FOLDS, calibration_error, fit, predicted, signals_matrix
from scripts.training.routing import RoutingSet, apgr, cost_at, interval, load, rows_of, share_needed

HEAD = ("set", "trusted by", "n", "APGR (95 %)", "CPT50", "CPT80", "cost at 95 %, weak call counted", "calibration error (95 %)")


def main(folder: Path, *, is_quick: bool) -> None:
    sets = {name: (data, known) for name, data in load(folder).items() if (known := _answers(folder, name))}
    if not sets:
        sys.exit(f"{folder} holds no answers: <name>_weak_answers.csv.gz with the columns id, weak_answer")
    print(f"\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    for data, known in sets.values():
        answers = [known[key] for key in data.ids]
        began = time.process_time()
        shipped = np.array([assess(prompt, answer).score for prompt, answer in zip(data.prompts, answers, strict=True)])
        took_ms = (time.process_time() - began) * 1000 / len(answers)
        _line(data, "shipped (fitted on these answers)", shipped / 100, is_chance=True)
        if not is_quick:
            _line(data, "fits that saw other rows", _cross_validated(data, answers), is_chance=True)
        _line(data, "shortness of the answer", -np.array([float(len(answer)) for answer in answers]))
        _line(data, "complexity of the prompt", -np.array([estimate(prompt).score for prompt in data.prompts]))
        _line(data, "chance", np.zeros(len(answers)))
        _line(data, "knowing which are wrong", data.weak)
        print(f"| {data.name} | time of one assessment | | {took_ms:.2f} ms | | | | |", flush=True)


def _answers(folder: Path, name: str) -> dict[str, str]:
    rows = [row for file in sorted(folder.glob(f"{name}_*weak_answers.csv.gz")) for row in rows_of(file)]
    return {row["id"]: row["weak_answer"] for row in rows}


def _cross_validated(data: RoutingSet, answers: list[str]) -> np.ndarray:
    values = signals_matrix(data.prompts, answers)
    right = np.zeros(len(values))
    for seen, rest in StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(values, data.weak):
        right[rest] = predicted(values[rest], fit(values[seen], data.weak[seen]))
    return right


def _line(data: RoutingSet, what: str, trust: np.ndarray, *, is_chance: bool = False) -> None:
    """What is trusted least goes to the strong model. `is_chance`: the number claims to be a probability."""
    weak, strong, size = data.weak, data.strong, len(trust)
    area = interval(size, lambda rows: apgr(weak[rows], strong[rows], -trust[rows]))
    cost = interval(size, lambda rows: cost_at(weak[rows], strong[rows], -trust[rows], always_weak=True))
    error = interval(size, lambda rows: calibration_error(trust[rows], weak[rows])) if is_chance else None
    said: dict[str, Any] = {
        "apgr": round(apgr(weak, strong, -trust), 3),
        "cpt50": round(share_needed(weak, strong, -trust, recovered=0.5), 3),
        "cpt80": round(share_needed(weak, strong, -trust, recovered=0.8), 3),
        "cost_at_95": round(cost_at(weak, strong, -trust, always_weak=True), 3),
        "calibration_error": round(calibration_error(trust, weak), 3) if is_chance else None,
    }
    cells = (
        data.name,
        what,
        str(size),
        f"{said['apgr']:.3f} ({_range(area)})",
        f"{100 * said['cpt50']:.1f} %",
        f"{100 * said['cpt80']:.1f} %",
        f"{said['cost_at_95']:.3f} ({_range(cost)})",
        f"{said['calibration_error']:.3f} ({_range(error)})" if error else "",
    )
    print(f"| {' | '.join(cells)} |", flush=True)
    told = {"bench": "confidence", "set": data.name, "by": what, "n": size, **said}
    print(json.dumps({**told, "apgr_ci95": area, "cost_ci95": cost, "calibration_ci95": error}), file=sys.stderr)


def _range(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), is_quick="--quick" in sys.argv)
