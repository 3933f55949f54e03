"""The fitted parts of the score of hallucination, each with its numbers for `model.json`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from apps.tasks.engine.hallucination.changes import summary
from apps.tasks.engine.hallucination.model import FARTHEST, SITUATIONS, vocabulary_of
from scripts.training.hallucination_rows import FOLDS, Rows, fold_of, weights_of

STRENGTH = 0.015
OF_SITUATION = 0.7
TRAITS_STRENGTH = 0.05
VOCABULARY_STRENGTH = {"told": 1.0, "edited": 1.0}
LEARNED_FROM = {"told": ("sources", "life", "question"), "edited": ("sources",)}
SEEDS = (0, 1)
BOOSTED = {
    "max_iter": 100,
    "learning_rate": 0.06,
    "max_leaf_nodes": 12,
    "min_samples_leaf": 25,
    "l2_regularization": 5.0,
    "max_features": 0.4,
    "early_stopping": False,
}
FOREST = {"n_estimators": 120, "min_samples_leaf": 8, "max_features": 0.6, "random_state": 0}
UNKNOWN, SUREST = -1.0, 0.01  # as in trees.py


class Linear:
    """A logistic regression with a common weight for each measure, and a further one for each situation."""

    def __init__(self, rows: Rows) -> None:
        known = rows.values
        self.fill = np.array([np.nanmedian(column) if not np.isnan(column).all() else 0.0 for column in known.T])
        filled = np.where(np.isnan(known), self.fill, known)
        self.mean, self.deviation = filled.mean(0), filled.std(0) + 1e-6
        self.fitted = LogisticRegression(C=STRENGTH, max_iter=2000)
        self.fitted.fit(self._columns(rows), rows.labels, sample_weight=weights_of(rows, np.arange(len(rows.labels))))

    def _columns(self, rows: Rows) -> np.ndarray:
        filled = np.where(np.isnan(rows.values), self.fill, rows.values)
        scaled = np.clip((filled - self.mean) / self.deviation, -FARTHEST, FARTHEST)
        columns = [scaled]
        for name in SITUATIONS:
            is_so = (rows.situations == name)[:, None]
            columns += [scaled * is_so * OF_SITUATION, is_so * 1.0]
        return np.hstack(columns)

    def log_odds(self, rows: Rows) -> np.ndarray:
        return self.fitted.decision_function(self._columns(rows))

    def numbers(self) -> dict[str, Any]:
        count = len(self.mean)
        coefficients = self.fitted.coef_[0]
        weights, intercepts = {}, {}
        for place, name in enumerate(SITUATIONS):
            start = count + place * (count + 1)
            weights[name] = coefficients[:count] + OF_SITUATION * coefficients[start : start + count]
            intercepts[name] = self.fitted.intercept_[0] + coefficients[start + count]
        return {"fill": self.fill, "mean": self.mean, "deviation": self.deviation, "weights": weights, "intercepts": intercepts}


class Boosted:
    def __init__(self, rows: Rows) -> None:
        weights = weights_of(rows, np.arange(len(rows.labels)))
        self.fitted = [
            HistGradientBoostingClassifier(random_state=seed, **BOOSTED).fit(rows.values, rows.labels, sample_weight=weights)
            for seed in SEEDS
        ]

    def log_odds(self, rows: Rows) -> np.ndarray:
        return np.mean([one.decision_function(rows.values) for one in self.fitted], axis=0)

    def numbers(self) -> dict[str, Any]:
        trees = [_boosted_tree(one[0].nodes, 1 / len(SEEDS)) for model in self.fitted for one in model._predictors]
        return {"boosted": trees, "boosted_base": np.mean([model._baseline_prediction.item() for model in self.fitted])}


class RandomForest:
    def __init__(self, rows: Rows) -> None:
        weights = weights_of(rows, np.arange(len(rows.labels)))
        self.fitted = ExtraTreesClassifier(**FOREST).fit(self._known(rows), rows.labels, sample_weight=weights)

    def _known(self, rows: Rows) -> np.ndarray:
        return np.nan_to_num(rows.values, nan=UNKNOWN)

    def log_odds(self, rows: Rows) -> np.ndarray:
        chances = np.clip(self.fitted.predict_proba(self._known(rows))[:, 1], SUREST, 1 - SUREST)
        return np.log(chances / (1 - chances))

    def numbers(self) -> dict[str, Any]:
        trees = [one.tree_ for one in self.fitted.estimators_]
        return {
            "forest": [
                {
                    "feature": [max(-1, int(feature)) for feature in tree.feature],
                    "threshold": [0.0 if at < 0 else float(f"{at:.5g}") for at in np.where(tree.feature < 0, -1, tree.threshold)],
                    "right": [max(0, int(node)) for node in tree.children_right],
                    "value": [round(float(value), 3) for value in tree.value[:, 0, 1] / tree.value[:, 0].sum(1)],
                }
                for tree in trees
            ]
        }


class Changed:
    """Which words of an answer look as if they had been changed; learned from pairs."""

    def __init__(self, rows: Rows, chosen: np.ndarray) -> None:
        known = np.flatnonzero((rows.changed >= 0) & np.isin(rows.traits_of, chosen))
        traits, labels, datasets = rows.traits[known], rows.changed[known], rows.datasets[rows.traits_of[known]]
        counts = {name: (datasets == name).sum() for name in set(datasets)}
        weights = np.array([1 / counts[name] for name in datasets])
        self.mean, self.deviation = traits.mean(0), traits.std(0) + 1e-6
        self.fitted = LogisticRegression(C=TRAITS_STRENGTH, max_iter=500)
        self.fitted.fit((traits - self.mean) / self.deviation, labels, sample_weight=weights / weights.mean())

    def numbers(self) -> dict[str, Any]:
        weights = self.fitted.coef_[0] / self.deviation
        return {"traits": weights, "traits_base": float(self.fitted.intercept_[0] - weights @ self.mean)}

    def measures(self, rows: Rows, chosen: np.ndarray) -> np.ndarray:
        """The columns of SUMMARY for the chosen rows."""
        numbers = self.numbers()
        log_odds = rows.traits @ numbers["traits"] + numbers["traits_base"]
        begins = np.searchsorted(rows.traits_of, chosen, "left")
        ends = np.searchsorted(rows.traits_of, chosen, "right")
        found = [summary(list(log_odds[begin:end])) for begin, end in zip(begins, ends, strict=True)]
        return np.array([[one.get(name, np.nan) for name in SUMMARY] for one in found])


SUMMARY = tuple(summary([0.0]))


def changed_across(rows: Rows, chosen: np.ndarray) -> np.ndarray:
    """For each of the chosen rows by weights that were learned from the others' sources alone."""
    found = np.zeros((len(chosen), len(SUMMARY)))
    folds = np.array([fold_of(group, "inner") for group in rows.groups[chosen]])
    for fold in range(FOLDS):
        asked = np.flatnonzero(folds == fold)
        found[asked] = Changed(rows, chosen[folds != fold]).measures(rows, chosen[asked])
    return found


class Vocabulary:
    """The weights of the marks, one set for each kind of answer."""

    def __init__(self, rows: Rows, chosen: np.ndarray) -> None:
        self.fitted = {}
        for head, situations in LEARNED_FROM.items():
            learned = chosen[np.isin(rows.situations[chosen], situations)]
            one = LogisticRegression(C=VOCABULARY_STRENGTH[head], max_iter=500)
            self.fitted[head] = one.fit(rows.marks[learned], rows.labels[learned], sample_weight=weights_of(rows, learned))

    def log_odds(self, rows: Rows, chosen: np.ndarray) -> np.ndarray:
        """Without the intercept: what speaks neither way adds nothing. 0 where there are no marks to weigh."""
        found = np.zeros(len(chosen))
        heads = np.array([vocabulary_of(name) for name in rows.situations[chosen]])
        for head, fitted in self.fitted.items():
            asked = np.flatnonzero(heads == head)
            if len(asked):
                found[asked] = rows.marks[chosen[asked]] @ fitted.coef_[0]
        return found

    def numbers(self) -> dict[str, Any]:
        return {"vocabulary": {head: [float(f"{value:.3g}") for value in one.coef_[0]] for head, one in self.fitted.items()}}


def _boosted_tree(nodes: np.ndarray, share: float) -> dict[str, list[Any]]:
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
