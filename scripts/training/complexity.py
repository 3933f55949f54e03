"""Fits the complexity estimate: `train(data_dir, out_file)`.

Two parts. The general one is linear, begins at weights that were stated before fitting (complexity_prior.py), and moves away
from them only as far as the data insists; it scores every prompt. The other one is for questions with options, where there is
enough data to learn from words and with trees, and it is mixed with the general one so that subjects it never saw do not
lose by it. The target is what the strong model gains over the weak one.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold

from apps.tasks.engine.complexity.features import Reading, read
from apps.tasks.engine.complexity.fitted import CLIP, WORD_SCORES, Model, grams_of, model_from
from scripts.training.complexity_prior import CHOICE_LEVEL, LEVEL, STATED
from scripts.training.routing import RoutingSet, load, report

FITTED_ON = "2026-11-21"
STATED_STRENGTH = 0.04  # what one point of a stated weight is worth in gain
HOLD = 1.0  # how hard the stated weights are held
RIDGE = 12.0
TOPIC_RIDGE = 1.0
TOPIC_HOLD = 10.0  # so many rows of the mean of all are added to each subject
GRAMS_KEPT = 12_000
TREES = 100
LEAF = 30
TRIED_AT_A_SPLIT = 0.3
WORDS_SHARE = 0.5
GENERAL_SHARE = 0.5
ENOUGH_CHOICES = 1000
FOLDS = 5
TREE_FEATURES = (*sorted(STATED), *WORD_SCORES, "words_strong")


def train(data_dir: Path, out_file: Path) -> None:
    """Fits on every set in the folder, measures by leaving out sets, rows and subjects, and writes the model with the figures."""
    sets = load(data_dir)
    readings = {name: [read(prompt) for prompt in data.prompts] for name, data in sets.items()}
    figures = {"without_labels_of_the_set": _leave_one_set_out(sets, readings)}
    for name in sets:
        if _has_enough_choices(readings[name]):
            figures[f"{name}_other_rows"] = _cross_validated(sets, readings, name, by_subject=False)
            figures[f"{name}_unseen_subjects"] = _cross_validated(sets, readings, name, by_subject=True)
    fitted = fit(sets, readings)
    about = {
        "what": "Weights of the complexity estimate; docs/reference/complexity-and-confidence.md explains them",
        "date": FITTED_ON,
        "fitted_on": {name: len(data.prompts) for name, data in sets.items()},
        "sources": "RouteLLM's public evaluation of Mixtral-8x7B and GPT-4-1106 (lm-sys/RouteLLM, Apache-2.0) on questions of "
        "MMLU (MIT), GSM8K (MIT) and MT-Bench (Apache-2.0), development halves. Only weights are kept, no prompt and no answer.",
        "figures": figures,
    }
    out_file.write_text(json.dumps({"about": about, **fitted}, ensure_ascii=False, indent=None, separators=(",", ":")) + "\n")
    print(json.dumps(figures, indent=1))


# ---- fitting ----


def fit(sets: dict[str, RoutingSet], readings: dict[str, list[Reading]]) -> dict[str, Any]:
    """The model as the file has it, without the figures."""
    general = _fit_general(sets, readings)
    data: dict[str, Any] = {"general": general, "choice": None, "level": LEVEL, "choice_level": CHOICE_LEVEL}
    largest = max(sets, key=lambda name: len(sets[name].prompts), default=None)
    if largest and _has_enough_choices(readings[largest]):
        rows = [row for row, reading in enumerate(readings[largest]) if reading.has_options]
        of = sets[largest]
        general_raw = raw_of(model_from(data), [readings[largest][row] for row in rows])
        data["choice"] = _fit_choice([readings[largest][row] for row in rows], part_of(of, np.array(rows)), general_raw)
    return data


def _fit_general(sets: dict[str, RoutingSet], readings: dict[str, list[Reading]]) -> dict[str, Any]:
    names = sorted(STATED)
    stated = np.array([STATED[name][2] for name in names]) * STATED_STRENGTH
    left = np.eye(len(names)) * HOLD
    right = HOLD * stated
    for name, data in sets.items():
        values = standardised(readings[name], names)
        values = values - values.mean(axis=0)
        left += values.T @ values / len(values)
        right += values.T @ (data.gain - data.gain.mean()) / len(values)
    weights = np.linalg.solve(left, right)
    terms = {name: [*STATED[name][:2], round(float(weight), 5)] for name, weight in zip(names, weights, strict=True)}
    # Centre and scale are stated too (those of the stated weights): a level must not move with the mix of the data.
    return {"terms": terms, "centre": 0.0, "scale": round(float(np.abs(stated).sum() / 8), 5)}


def standardised(readings: list[Reading], names: list[str]) -> np.ndarray:
    """One row for each prompt; a feature that the prompt does not have is 0, as in the engine."""
    rows = [
        [
            max(-CLIP, min(CLIP, (r.values[name] - STATED[name][0]) / STATED[name][1])) if name in r.values else 0.0
            for name in names
        ]
        for r in readings
    ]
    return np.array(rows)


def _fit_choice(readings: list[Reading], of: RoutingSet, general_raw: np.ndarray) -> dict[str, Any]:
    vectors, table, idf = _vectors([reading.tokens for reading in readings])
    guessed = np.zeros((len(readings), len(WORD_SCORES)))  # by words alone, each row by a fit that did not see it
    for seen, rest in KFold(FOLDS, shuffle=True, random_state=1).split(guessed):
        guessed[rest] = vectors[rest] @ _word_weights(vectors[seen], part_of(of, seen)).T
    weights = _word_weights(vectors, of)
    importance = np.abs(weights).sum(axis=0) * np.sqrt(np.asarray(vectors.power(2).sum(axis=0)).ravel())
    kept = np.argsort(-importance, kind="stable")[:GRAMS_KEPT]
    grams = list(table)
    named = [[reading.values.get(name, 0.0) for name in sorted(STATED)] for reading in readings]
    given = np.c_[np.array(named), guessed, guessed[:, :2].sum(axis=1)]
    forest = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, max_features=TRIED_AT_A_SPLIT, random_state=0).fit(given, of.gain)
    learned = forest.predict(given)
    return {
        "words": {grams[i]: [round(float(value), 3) for value in (idf[i], *weights[:, i])] for i in sorted(kept)},
        "usual_idf": round(float(np.median(idf)), 2),
        "features": list(TREE_FEATURES),
        "trees": [_flat(one.tree_) for one in forest.estimators_],
        "centre": round(float(learned.mean()), 5),
        "scale": round(float(learned.std()), 5),
        "words_share": WORDS_SHARE,
        "words_centre": round(float(guessed[:, 0].mean()), 5),
        "words_scale": round(float(guessed[:, 0].std()), 5),
        "general_share": GENERAL_SHARE,
        "general_centre": round(float(general_raw.mean()), 5),
        "general_scale": round(float(general_raw.std()), 5),
    }


def _word_weights(vectors: sparse.csr_matrix, of: RoutingSet) -> np.ndarray:
    """For each of WORD_SCORES a weight for each gram. The means over a subject are less noisy than the rows they come from."""
    target = np.c_[of.gain, of.weak]
    topics = np.zeros(target.shape)
    for subject in np.unique(of.subjects):
        rows = of.subjects == subject
        topics[rows] = (target[rows].sum(axis=0) + TOPIC_HOLD * target.mean(axis=0)) / (rows.sum() + TOPIC_HOLD)
    own = Ridge(alpha=RIDGE, solver="sparse_cg", tol=1e-6).fit(vectors, target).coef_
    return np.r_[own, Ridge(alpha=TOPIC_RIDGE, solver="sparse_cg", tol=1e-6).fit(vectors, topics).coef_]


def _vectors(texts: list[list[str]]) -> tuple[sparse.csr_matrix, dict[str, int], np.ndarray]:
    """TF-IDF of tokens and runs of them that stand in two texts or more, computed as the engine's `Words` does."""
    counts = [Counter(grams_of(words)) for words in texts]
    held = Counter(gram for one in counts for gram in one)
    table = {gram: index for index, gram in enumerate(sorted(gram for gram, times in held.items() if times > 1))}
    idf = np.array([np.log((1 + len(texts)) / (1 + held[gram])) + 1 for gram in table])
    unknown = float(np.median(idf))
    rows, columns, values = [], [], []
    for row, one in enumerate(counts):
        shares = {gram: (1 + np.log(count)) * (idf[table[gram]] if gram in table else unknown) for gram, count in one.items()}
        length = sum(share * share for share in shares.values()) ** 0.5
        for gram, share in shares.items():
            if gram in table:
                rows.append(row)
                columns.append(table[gram])
                values.append(share / length)
    return sparse.csr_matrix((values, (rows, columns)), shape=(len(texts), len(table))), table, idf


def _flat(tree: Any) -> dict[str, list[Any]]:
    """scikit-learn numbers nodes depth first, so that the left child of a node is the next one."""
    is_leaf = tree.children_left < 0
    return {
        "feature": [-1 if leaf else int(one) for leaf, one in zip(is_leaf, tree.feature, strict=True)],
        "threshold": [0 if leaf else round(float(one), 3) for leaf, one in zip(is_leaf, tree.threshold, strict=True)],
        "right": [0 if leaf else int(one) for leaf, one in zip(is_leaf, tree.children_right, strict=True)],
        "value": [round(float(one), 3) for one in tree.value[:, 0, 0]],
    }


# ---- measuring ----


def raw_of(model: Model, readings: list[Reading]) -> np.ndarray:
    return np.array([model.raw(reading)[0] for reading in readings])


def _leave_one_set_out(sets: dict[str, RoutingSet], readings: dict[str, list[Reading]]) -> dict[str, Any]:
    """Each set scored by a model that was fitted on the others alone."""
    figures = {}
    for name, data in sets.items():
        others = {other: one for other, one in sets.items() if other != name}
        model = model_from(fit(others, readings))
        figures[name] = report(data, raw_of(model, readings[name]))
    return figures


def _cross_validated(
    sets: dict[str, RoutingSet], readings: dict[str, list[Reading]], name: str, *, by_subject: bool
) -> dict[str, Any]:
    """The set scored in five parts, each by a model fitted on the other parts and the other sets."""
    data, score = sets[name], np.zeros(len(sets[name].prompts))
    splitter = GroupKFold(FOLDS, shuffle=True, random_state=0) if by_subject else KFold(FOLDS, shuffle=True, random_state=0)
    for seen, rest in splitter.split(score, groups=data.subjects if by_subject else None):
        part = part_of(data, seen)
        model = model_from(fit({**sets, name: part}, {**readings, name: [readings[name][row] for row in seen]}))
        score[rest] = raw_of(model, [readings[name][row] for row in rest])
    return report(data, score)


def part_of(data: RoutingSet, rows: np.ndarray) -> RoutingSet:
    prompts, ids = [data.prompts[row] for row in rows], [data.ids[row] for row in rows]
    return RoutingSet(data.name, prompts, data.subjects[rows], data.weak[rows], data.strong[rows], ids, data.out_chars[rows])


def _has_enough_choices(readings: list[Reading]) -> bool:
    return sum(reading.has_options for reading in readings) >= ENOUGH_CHOICES
