"""How good the score of hallucination is, on answers that the model had not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve, roc_auc_score

from apps.tasks.engine.hallucination.model import SITUATIONS
from scripts.training.hallucination_rows import FOLDS, Rows

MACRO = ("begin_wow", "q2_dialogue", "summedits", "bump_taxonomy", "wikibio_grounded")
DRAWS = 400
BINS = 10
Measure = Callable[[np.ndarray], float]


def figures(rows: Rows, inside: np.ndarray, outside: np.ndarray) -> dict[str, Any]:
    """AUROC by task with 95 % intervals, on sources that the model had not seen, and on data sets that it had not seen."""
    found: dict[str, Any] = {"intervals": {}}
    for key, scores in (("inside", inside), ("outside", outside)):
        tasks = [task for task in sorted(set(rows.tasks)) if not np.isnan(scores[rows.tasks == task]).any()]
        measures: dict[str, Measure] = {task: _auroc_of(rows, scores, task) for task in tasks}
        measures["macro"] = lambda drawn, known=measures: float(np.mean([known[task](drawn) for task in MACRO]))
        found[key] = {name: round(measure(np.arange(len(rows.labels))), 3) for name, measure in measures.items()}
        found["intervals"][key] = {name: interval(rows, measure) for name, measure in measures.items()}
    found["contradiction_f1"] = round(f1_of_contradictions(rows, inside), 3)
    chances = chances_across(rows, inside, outside, inside)
    found["calibration_error"] = round(calibration_error(rows, chances, np.arange(len(rows.labels))), 3)
    found["calibration_error_by_task"] = {
        task: round(calibration_error(rows, chances, np.flatnonzero(rows.tasks == task)), 3) for task in sorted(set(rows.tasks))
    }
    strange = np.flatnonzero(~np.isnan(outside))
    found["calibration_error_outside"] = round(
        calibration_error(rows, chances_across(rows, inside, outside, outside), strange), 3
    )
    return found


def _auroc_of(rows: Rows, scores: np.ndarray, task: str) -> Measure:
    def measure(drawn: np.ndarray) -> float:
        chosen = drawn[rows.tasks[drawn] == task]
        return float(roc_auc_score(rows.labels[chosen], scores[chosen]))

    return measure


def interval(rows: Rows, measure: Measure) -> list[float]:
    """95 % of the draws of sources, with replacement, lie in it; answers about one source are drawn together."""
    random = np.random.default_rng(7)
    places = [np.flatnonzero(rows.groups == group) for group in sorted(set(rows.groups))]
    values = []
    for _ in range(DRAWS):
        drawn = np.concatenate([places[number] for number in random.integers(0, len(places), len(places))])
        values.append(measure(drawn))
    return [round(float(value), 3) for value in np.quantile(values, (0.025, 0.975))]


def f1_of_contradictions(rows: Rows, scores: np.ndarray) -> float:
    """F1 on the self-contradictions; for each fold by the one threshold that is best for the others."""
    said = np.zeros(len(scores), bool)
    chosen = np.flatnonzero(rows.tasks == "contradiction")
    for fold in range(FOLDS):
        learned, asked = chosen[rows.folds[chosen] != fold], chosen[rows.folds[chosen] == fold]
        precision, recall, thresholds = precision_recall_curve(rows.labels[learned], scores[learned])
        best = np.argmax(2 * precision[:-1] * recall[:-1] / np.maximum(precision[:-1] + recall[:-1], 1e-9))
        said[asked] = scores[asked] >= thresholds[best]
    right = np.sum(said[chosen] & (rows.labels[chosen] == 1))
    return float(2 * right / (said[chosen].sum() + rows.labels[chosen].sum()))


def calibration(rows: Rows, inside: np.ndarray, outside: np.ndarray, left_out: int | None = None) -> dict[str, list[float]]:
    """Slope and offset that turn log odds into chances, by situation, from answers that the model had not seen.

    Half of it learns from models that had seen other sources of the same data set, half from models that had seen nothing of the
    set (`outside`; NaN where none was left out): who asks next brings another set. `left_out`: a fold that is not learned from.
    """
    log_odds = np.concatenate([inside, outside])
    places = np.tile(np.arange(len(inside)), 2)
    is_learned = ~np.isnan(log_odds) & (rows.folds[places] != left_out)
    found = {}
    for name in SITUATIONS:
        chosen = np.flatnonzero(is_learned & (rows.situations[places] == name))
        tasks = rows.tasks[places[chosen]]
        counts = Counter(tasks)
        weights = np.array([counts[task] ** -0.5 for task in tasks])
        fitted = LogisticRegression(C=100.0).fit(log_odds[chosen, None], rows.labels[places[chosen]], sample_weight=weights)
        found[name] = [max(0.1, float(fitted.coef_[0][0])), float(fitted.intercept_[0])]
    return found


def chances_across(rows: Rows, inside: np.ndarray, outside: np.ndarray, asked_of: np.ndarray) -> np.ndarray:
    """Chances of the log odds `asked_of` by slopes and offsets from the other folds."""
    found = np.zeros(len(asked_of))
    for fold in range(FOLDS):
        numbers = calibration(rows, inside, outside, left_out=fold)
        asked = np.flatnonzero(rows.folds == fold)
        slopes = np.array([numbers[name] for name in rows.situations[asked]]).reshape(-1, 2)
        found[asked] = 1 / (1 + np.exp(-(slopes[:, 0] * asked_of[asked] + slopes[:, 1])))
    return found


def calibration_error(rows: Rows, chances: np.ndarray, chosen: np.ndarray) -> float:
    """Expected calibration error in ten bins, each task counting the same."""
    counts = Counter(rows.tasks[chosen])
    weights = np.array([1 / counts[task] for task in rows.tasks[chosen]])
    bins = np.minimum(BINS - 1, (chances[chosen] * BINS).astype(int))
    missed = weights * (rows.labels[chosen] - chances[chosen])
    return float(sum(abs(missed[bins == number].sum()) for number in range(BINS)) / weights.sum())
