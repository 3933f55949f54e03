"""Fits the score of hallucination again: a logistic regression by situation and boosted trees, written as plain numbers.

The folder holds files `*_dev.jsonl.gz` with rows `id, task, dataset, group, context, question, answer, label, samples?`.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve, roc_auc_score

from apps.tasks.engine.hallucination.evidence import gather
from apps.tasks.engine.hallucination.model import FARTHEST, SIGNS, SITUATIONS, situation

DATE = "2026-11-21"
THIS_YEAR = 2026
SOURCE = (
    "Development parts of BEGIN (Wizard of Wikipedia, CMU-DoG, Topical-Chat; CC BY 4.0, CDLA-Sharing), Q2 dialogue (MIT), "
    "BUMP (MIT), SummEdits (Apache-2.0), wiki_bio with GPT-3 samples (CC BY-SA 3.0), ChatProtect (Apache-2.0), "
    "RAGTruth answers (MIT), and years and answer spans changed by a script in public biographies and questions"
)
LICENCE = "The numbers of this file are the project's own; no text of the data is in it"
LEFT_OUT = frozenset({"halueval_qa"})  # the length of an answer alone gives the label away
LESS = {"ragtruth": 0.3}  # several answers to one prompt, without its sources
MACRO = ("begin_wow", "q2_dialogue", "summedits", "bump_taxonomy", "wikibio_grounded")
HELD_OUT = ("begin_wow", "q2_dialogue", "summedits", "bump", "wikibio")
FOLDS = 5
SEEDS = (0, 1)
TREES_SHARE = 0.5
# Log odds for the signs that are seldom innocent, beside what is fitted: they hold where data sets differ in all else. Two
# statements on one matter may each have what the other has not.
SIGNS_WEIGHT = {"samples": 1.5, "bare": 0.0, "sources": 1.5, "statement": 0.0, "question": 1.5}
CALM = 0.7  # a task of many rows counts for more than one of few, less than in proportion
TREES = {
    "max_iter": 100,
    "learning_rate": 0.06,
    "max_leaf_nodes": 12,
    "min_samples_leaf": 25,
    "l2_regularization": 5.0,
    "max_features": 0.4,
    "early_stopping": False,
}
STRENGTH = 0.015
OF_SITUATION = 0.7


class Rows:
    """The data as measured by the detectors: one line of `values` for each answer, NaN where there was nothing to measure."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        measured = [_measures(row) for row in rows]
        self.features = sorted({name for measures in measured for name in measures})
        self.values = np.array([[measures.get(name, np.nan) for name in self.features] for measures in measured])
        self.labels = np.array([row["label"] for row in rows])
        self.tasks = np.array([task_of(row["task"]) for row in rows])
        self.datasets = np.array([row["dataset"] for row in rows])
        self.folds = np.array([zlib.crc32(row["group"].encode()) % FOLDS for row in rows])
        self.situations = np.array([situation(measures) for measures in measured])


def _measures(row: dict[str, Any]) -> dict[str, float]:
    sources = [row["context"]] if row.get("context") else []
    evidence = gather(
        row["answer"],
        question=row.get("question") or "",
        sources=sources,
        others=row.get("samples") or [],
        before="",
        this_year=THIS_YEAR,
    )
    return evidence.measures()


def task_of(name: str) -> str:
    """The tasks of one kind together: the eight domains of SummEdits, the four models of the contradictions."""
    return next((kind for kind in ("summedits", "contradiction") if name.startswith(kind)), name)


def train(data_dir: Path, out_file: Path) -> None:
    """Fits on all of the data and writes `out_file`, with the figures of cross-validation by source and by left-out data set."""
    rows = Rows(read_rows(data_dir))
    inside = across_folds(rows)
    outside = across_datasets(rows)
    everything = np.arange(len(rows.labels))
    linear, trees = Linear(rows, everything), fit_trees(rows, everything)
    numbers = {
        "date": DATE,
        "source": SOURCE,
        "licence": LICENCE,
        "figures": figures(rows, inside, outside),
        "this_year": THIS_YEAR,
        "features": rows.features,
        **linear.numbers(),
        **trees_numbers(trees),
        "trees_share": TREES_SHARE,
        "signs_weight": SIGNS_WEIGHT,
        "calibration": calibration(rows, inside),
    }
    out_file.write_text(json.dumps(rounded(numbers), ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    print(json.dumps(numbers["figures"], indent=1))


def read_rows(data_dir: Path) -> list[dict[str, Any]]:
    files = sorted(data_dir.glob("*_dev.jsonl.gz"))
    if not files:
        raise SystemExit(f"{data_dir} holds no *_dev.jsonl.gz")
    rows = [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).decode("utf-8").splitlines()]
    return [row for row in rows if row["dataset"] not in LEFT_OUT]


def weights_of(rows: Rows, chosen: np.ndarray) -> np.ndarray:
    counts = Counter(rows.tasks[chosen])
    weights = np.array([LESS.get(rows.datasets[i], 1.0) / counts[rows.tasks[i]] ** CALM for i in chosen])
    return weights / weights.mean()


class Linear:
    """A logistic regression with a common weight for each measure, and a further one for each situation."""

    def __init__(self, rows: Rows, chosen: np.ndarray) -> None:
        known = rows.values[chosen]
        self.fill = np.array([np.nanmedian(column) if not np.isnan(column).all() else 0.0 for column in known.T])
        filled = np.where(np.isnan(known), self.fill, known)
        self.mean, self.deviation = filled.mean(0), filled.std(0) + 1e-6
        self.fitted = LogisticRegression(C=STRENGTH, max_iter=2000)
        self.fitted.fit(self._columns(rows, chosen), rows.labels[chosen], sample_weight=weights_of(rows, chosen))

    def _columns(self, rows: Rows, chosen: np.ndarray) -> np.ndarray:
        values = rows.values[chosen]
        scaled = np.clip((np.where(np.isnan(values), self.fill, values) - self.mean) / self.deviation, -FARTHEST, FARTHEST)
        columns = [scaled]
        for name in SITUATIONS:
            is_so = (rows.situations[chosen] == name)[:, None]
            columns += [scaled * is_so * OF_SITUATION, is_so * 1.0]
        return np.hstack(columns)

    def log_odds(self, rows: Rows, chosen: np.ndarray) -> np.ndarray:
        return self.fitted.decision_function(self._columns(rows, chosen))

    def numbers(self) -> dict[str, Any]:
        count = len(self.mean)
        coefficients = self.fitted.coef_[0]
        weights, intercepts = {}, {}
        for place, name in enumerate(SITUATIONS):
            start = count + place * (count + 1)
            weights[name] = coefficients[:count] + OF_SITUATION * coefficients[start : start + count]
            intercepts[name] = self.fitted.intercept_[0] + coefficients[start + count]
        return {
            "fill": self.fill,
            "mean": self.mean,
            "deviation": self.deviation,
            "weights": weights,
            "intercepts": intercepts,
        }


def fit_trees(rows: Rows, chosen: np.ndarray) -> list[HistGradientBoostingClassifier]:
    weights = weights_of(rows, chosen)
    return [
        HistGradientBoostingClassifier(random_state=seed, **TREES).fit(
            rows.values[chosen], rows.labels[chosen], sample_weight=weights
        )
        for seed in SEEDS
    ]


def predict(rows: Rows, learned: np.ndarray, asked: np.ndarray) -> np.ndarray:
    trees = fit_trees(rows, learned)
    of_trees = np.mean([one.decision_function(rows.values[asked]) for one in trees], axis=0)
    weights = np.array([SIGNS_WEIGHT[name] for name in rows.situations[asked]])
    of_signs = weights * np.nan_to_num(rows.values[asked, rows.features.index(SIGNS)])
    return TREES_SHARE * of_trees + (1 - TREES_SHARE) * Linear(rows, learned).log_odds(rows, asked) + of_signs


def across_folds(rows: Rows) -> np.ndarray:
    """Log odds of each answer by a model that saw no answer about the same source."""
    found = np.zeros(len(rows.labels))
    for fold in range(FOLDS):
        asked = np.flatnonzero(rows.folds == fold)
        found[asked] = predict(rows, np.flatnonzero(rows.folds != fold), asked)
    return found


def across_datasets(rows: Rows) -> np.ndarray:
    """Log odds by a model that saw nothing of the same data set; NaN for those that are not left out."""
    found = np.full(len(rows.labels), np.nan)
    for name in HELD_OUT:
        asked = np.flatnonzero(rows.datasets == name)
        found[asked] = predict(rows, np.flatnonzero(rows.datasets != name), asked)
    return found


def calibration(rows: Rows, log_odds: np.ndarray) -> dict[str, list[float]]:
    """Slope and offset that turn log odds into chances, by situation, from answers that the model had not seen."""
    found = {}
    for name in SITUATIONS:
        chosen = np.flatnonzero(rows.situations == name)
        counts = Counter(rows.tasks[chosen])
        weights = np.array([counts[task] ** -0.5 for task in rows.tasks[chosen]])
        fitted = LogisticRegression(C=100.0).fit(log_odds[chosen, None], rows.labels[chosen], sample_weight=weights)
        found[name] = [max(0.1, float(fitted.coef_[0][0])), float(fitted.intercept_[0])]
    return found


def figures(rows: Rows, inside: np.ndarray, outside: np.ndarray) -> dict[str, Any]:
    """AUROC by task, on sources that the model had not seen, and on data sets that it had not seen."""
    found: dict[str, Any] = {"inside": {}, "outside": {}}
    for key, scores in (("inside", inside), ("outside", outside)):
        for task in sorted(set(rows.tasks)):
            chosen = np.flatnonzero((rows.tasks == task) & ~np.isnan(scores))
            if len(chosen):
                found[key][task] = round(float(roc_auc_score(rows.labels[chosen], scores[chosen])), 3)
        found[key]["macro"] = round(float(np.mean([found[key][task] for task in MACRO])), 3)
    found["contradiction_f1"] = f1_of_contradictions(rows, inside)
    found["calibration_error"] = calibration_error(rows, inside, calibration(rows, inside))
    return found


def f1_of_contradictions(rows: Rows, scores: np.ndarray) -> float:
    """The best F1 that one threshold for all gives on the self-contradictions."""
    chosen = np.flatnonzero(rows.tasks == "contradiction")
    precision, recall, _ = precision_recall_curve(rows.labels[chosen], scores[chosen])
    return round(float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-9))), 3)


def calibration_error(rows: Rows, log_odds: np.ndarray, numbers: dict[str, list[float]]) -> float:
    """Expected calibration error in ten bins, each task counting the same; slope and offset come from the same answers."""
    slopes = np.array([numbers[name] for name in rows.situations])
    chances = 1 / (1 + np.exp(-(slopes[:, 0] * log_odds + slopes[:, 1])))
    counts = Counter(rows.tasks)
    weights = np.array([1 / counts[task] for task in rows.tasks])
    bins = np.minimum(9, (chances * 10).astype(int))
    gaps = [abs(np.sum(weights[bins == b] * (rows.labels[bins == b] - chances[bins == b]))) for b in range(10)]
    return round(float(np.sum(gaps) / np.sum(weights)), 3)


def trees_numbers(models: list[HistGradientBoostingClassifier]) -> dict[str, Any]:
    trees = [_tree(one[0].nodes, 1 / len(models)) for model in models for one in model._predictors]
    base = float(np.mean([model._baseline_prediction.item() for model in models]))
    return {"trees": trees, "trees_base": base}


def _tree(nodes: np.ndarray, share: float) -> dict[str, list[Any]]:
    values = [0.0] * len(nodes)

    def below(place: int) -> float:
        node = nodes[place]
        if node["is_leaf"]:
            values[place] = float(node["value"]) * share
        else:
            sides = [(below(int(node[side])), int(nodes[int(node[side])]["count"])) for side in ("left", "right")]
            values[place] = sum(value * count for value, count in sides) / sum(count for _, count in sides)
        return values[place]

    below(0)
    return {
        "feature": [-1 if node["is_leaf"] else int(node["feature_idx"]) for node in nodes],
        "threshold": [0.0 if node["is_leaf"] else float(node["num_threshold"]) for node in nodes],
        "left": [int(node["left"]) for node in nodes],
        "right": [int(node["right"]) for node in nodes],
        "missing_left": [int(node["missing_go_to_left"]) for node in nodes],
        "value": values,
    }


def rounded(value: Any) -> Any:
    """Six significant digits: smaller, and the same on every machine."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [rounded(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}")
    return value
