"""Fits the confidence in an answer: `train(data_dir, out_file)`.

Fitted: the checks of answers to questions about quantities, on answers that are known to be right or wrong, by a logistic
regression whose signs were stated before (a check that finds something never raises the confidence); and, for all other
prompts, how often an answer was right at each complexity. Stated, for want of data: the weights in STATED.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.model_selection import StratifiedKFold

from apps.tasks.engine.complexity import estimate
from apps.tasks.engine.trust.assess import signals_of_text
from apps.tasks.engine.trust.problem import asks_for_a_number
from scripts.training.routing import RoutingSet, apgr, cost_at, interval, load, rows_of, share_needed

FITTED_ON = "2026-11-21"
HOLD = 8.0  # ridge on standardised weights: worth this many answers
REPEATS = 4
USUAL_COMPLEXITY = 0.45  # of 0-1: there the prompt says nothing about its answer
FOLDS = 10
PROBLEM = (
    "complexity", "wrong_sums", "hedges", "cut", "no_final_number", "final_not_whole", "negative", "given_numbers_unused",
     "results_unused", "words_not_followed", "few_steps", "no_sums",
)  # fmt: skip
EVERYWHERE = ("wrong_sums", "hedges", "cut", "final_not_whole", "negative")  # taken over where nothing is fitted
# Log-odds for one unit, and the value at which the signal says nothing. Nothing was measured here: they say how much is meant.
STATED: dict[str, tuple[float, float]] = {
    "empty": (-8.0, 0.0),
    "refusal": (-3.0, 0.0),
    "withheld": (-4.0, 0.0),
    "cut_by_length": (-2.0, 0.0),
    "repetition": (-4.0, 0.0),
    "code_broken": (-2.5, 0.0),
    "code_parses": (0.3, 0.0),
    "form_missed": (-1.2, 0.0),
    "form_met": (0.2, 0.0),
    "samples_agree": (3.0, 0.5),
    "mean_probability": (5.0, 0.8),
    "verdict": (5.0, 0.65),
    "divergence": (-5.0, 0.3),
    "hallucination": (-4.0, 0.25),
}


def train(data_dir: Path, out_file: Path) -> None:
    """Reads `<name>_…_weak_answers.csv.gz` (id, weak_answer) beside the routing data, fits, measures, writes."""
    sets = load(data_dir)
    answered = {name: answers for name in sets if (answers := _answers(data_dir, name))}
    if not answered:
        raise SystemExit(f"{data_dir} holds no answers: <name>_weak_answers.csv.gz with the columns id, weak_answer")
    name = max(answered, key=lambda one: len(answered[one]))
    data = sets[name]
    values = signals_matrix(data.prompts, [answered[name][key] for key in data.ids])
    is_right = data.weak
    figures = {name: _measured(data, values, is_right)}
    weights, base = fit(values, is_right)
    others = [prompt for one in sets.values() if one.name != name for prompt in one.prompts]
    right = np.concatenate([one.weak for one in sets.values() if one.name != name]) if others else is_right
    slope, level = _by_complexity(others or data.prompts, right)
    shared = {
        key: [round(float(weight), 4), USUAL_COMPLEXITY if key == "complexity" else 0.0]
        for key, weight in zip(PROBLEM, weights, strict=True)
    }
    model = {
        "about": {
            "what": "Weights of the confidence in an answer; docs/reference/complexity-and-confidence.md explains them",
            "date": FITTED_ON,
            "fitted_on": {
                "problem": {name: len(values)},
                "other": {one.name: len(one.ids) for one in sets.values() if one.name != name},
            },
            "sources": "RouteLLM's public evaluation (lm-sys/RouteLLM, Apache-2.0): answers "
            "of Mixtral-8x7B to GSM8K (MIT), right and wrong ones of MMLU (MIT), development halves. "
            "Only weights are kept, no prompt and no answer.",
            "stated": "The weights under 'stated' are rules of thumb: there is no data for them yet.",
            "figures": figures,
        },
        "base": {
            "problem": round(base + USUAL_COMPLEXITY * float(weights[PROBLEM.index("complexity")]), 4),
            "other": round(level + USUAL_COMPLEXITY * slope, 4),
        },
        "problem": shared,
        "other": {
            "complexity": [round(slope, 4), USUAL_COMPLEXITY],
            **{key: shared[key] for key in EVERYWHERE},
        },
        "stated": {key: list(pair) for key, pair in STATED.items()},
    }
    out_file.write_text(json.dumps(model, ensure_ascii=False, indent=1) + "\n")
    print(json.dumps(figures, indent=1))


def _answers(folder: Path, name: str) -> dict[str, str]:
    rows = [row for file in sorted(folder.glob(f"{name}_*weak_answers.csv.gz")) for row in rows_of(file)]
    return {row["id"]: row["weak_answer"] for row in rows}


def signals_matrix(prompts: list[str], answers: list[str]) -> np.ndarray:
    rows = []
    for prompt, answer in zip(prompts, answers, strict=True):
        found = {name: value for name, value, _detail in signals_of_text(prompt, answer, is_problem=True)}
        found["complexity"] = estimate(prompt).score / 100.0
        rows.append([found.get(name, 0.0) for name in PROBLEM])
    return np.array(rows)


def fit(values: np.ndarray, is_right: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights for one unit of each signal, none above 0, and the base: logistic regression with a ridge on standardised ones."""
    scale = values.std(axis=0) + 0.05
    standard = values / scale

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        odds = standard @ parameters[:-1] + parameters[-1]
        right = 1.0 / (1.0 + np.exp(-odds))
        error = right - is_right
        held = HOLD * parameters[:-1]
        total = np.sum(np.logaddexp(0.0, odds) - is_right * odds) + 0.5 * float(parameters[:-1] @ held)
        return float(total), np.append(standard.T @ error + held, error.sum())

    bounds = [(None, 0.0)] * values.shape[1] + [(None, None)]
    done = minimize(loss, np.zeros(values.shape[1] + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    return done.x[:-1] / scale, float(done.x[-1])


def _by_complexity(prompts: list[str], right: np.ndarray) -> tuple[float, float]:
    values = np.array([[estimate(prompt).score / 100.0] for prompt in prompts])
    weights, base = fit(values, right)
    return float(weights[0]), base


def predicted(values: np.ndarray, fitted: tuple[np.ndarray, float]) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-(values @ fitted[0] + fitted[1])))


def calibration_error(confidence: np.ndarray, is_right: np.ndarray, *, bins: int = 10) -> float:
    """Expected calibration error over equal bins of 0-1."""
    at = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[at == one].mean() - is_right[at == one].mean()) * (at == one).mean()
        for one in range(bins)
        if (at == one).any()
    ]
    return float(sum(gaps))


def _measured(data: RoutingSet, values: np.ndarray, is_right: np.ndarray) -> dict[str, Any]:
    """Every row by fits that did not see it; the mean over several ways of cutting the rows."""
    drawn = []
    for seed in range(REPEATS):
        confidence = np.zeros(len(values))
        for seen, rest in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(values, is_right):
            confidence[rest] = predicted(values[rest], fit(values[seen], is_right[seen]))
        drawn.append(confidence)
    weak, strong = data.weak, data.strong

    def mean_of(figure: Any) -> float:
        return round(float(np.mean([figure(one) for one in drawn])), 3)

    return {
        "n": len(values),
        "asks_for_a_number": round(float(np.mean([asks_for_a_number(prompt) for prompt in data.prompts])), 3),
        "apgr": mean_of(lambda one: apgr(weak, strong, -one)),
        "apgr_ci95": interval(len(values), lambda rows: apgr(weak[rows], strong[rows], -drawn[0][rows])),
        "cpt50": mean_of(lambda one: share_needed(weak, strong, -one, recovered=0.5)),
        "cpt80": mean_of(lambda one: share_needed(weak, strong, -one, recovered=0.8)),
        "cost_at_95_weak_call_counted": mean_of(lambda one: cost_at(weak, strong, -one, always_weak=True)),
        "calibration_error": mean_of(lambda one: calibration_error(one, is_right)),
        "if_every_wrong_answer_were_known": round(apgr(weak, strong, -is_right), 3),
    }
