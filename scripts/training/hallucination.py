"""Fits the score of hallucination again: a logistic regression by situation and trees, written as plain numbers.

The folder holds files `*_dev.jsonl.gz` with rows `id, task, dataset, group, context, question, answer, label, samples?`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from apps.tasks.engine.hallucination.model import CHANGED, SHARES, SIGNS, VOCABULARY
from scripts.training.hallucination_figures import calibration, figures
from scripts.training.hallucination_parts import SUMMARY, Boosted, Changed, Linear, RandomForest, Vocabulary, changed_across
from scripts.training.hallucination_rows import FOLDS, THIS_YEAR, Rows, read_rows

__all__ = ["Rows", "across_datasets", "across_folds", "calibration", "read_rows", "train"]

DATE = "2026-11-21"
SOURCE = (
    "Development parts of BEGIN (Wizard of Wikipedia, CMU-DoG, Topical-Chat; CC BY 4.0, CDLA-Sharing), Q2 dialogue (MIT), "
    "BUMP (MIT), SummEdits (Apache-2.0), wiki_bio with GPT-3 samples (CC BY-SA 3.0), ChatProtect (Apache-2.0), "
    "RAGTruth answers (MIT), and years and answer spans changed by a script in public biographies and questions"
)
LICENCE = "The numbers of this file are the project's own; no text of the data is in it"
HELD_OUT = ("begin_wow", "q2_dialogue", "summedits", "bump", "wikibio")
# Log odds beside what the parts say. The signs that are seldom innocent hold where data sets differ in all else; two statements
# on one matter may each have what the other has not.
ADDED: dict[str, dict[str, float]] = {
    "samples": {SIGNS: 0.5},
    "bare": {},
    "sources": {SIGNS: 1.0, CHANGED: 0.25, VOCABULARY: 0.25},
    "life": {SIGNS: 0.5, CHANGED: 0.1, VOCABULARY: 0.5},
    "statement": {},
    "question": {SIGNS: 0.5, VOCABULARY: 0.25},
}


def train(data_dir: Path, out_file: Path) -> None:
    """Fits on all of the data and writes `out_file`, with the figures of cross-validation by source and by left-out data set."""
    rows = Rows(read_rows(data_dir))
    inside = across_folds(rows)
    outside = across_datasets(rows)
    fitted = Fitted(rows, np.arange(len(rows.labels)))
    numbers = {
        "date": DATE,
        "source": SOURCE,
        "licence": LICENCE,
        "figures": figures(rows, inside, outside),
        "this_year": THIS_YEAR,
        **fitted.numbers(),
        "added": ADDED,
        "calibration": calibration(rows, inside, outside),
    }
    out_file.write_text(json.dumps(rounded(numbers), ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
    print(json.dumps(numbers["figures"], indent=1))


class Fitted:
    """All parts, learned from the same rows. What the words' traits come to is read by the other parts as further measures; they
    learn from it as it is for sources that the traits' weights have not seen.
    """

    def __init__(self, rows: Rows, learned: np.ndarray) -> None:
        self.rows = rows
        self.changed = Changed(rows, learned)
        self.features = [*rows.features, *SUMMARY]
        seen = rows.like(learned, np.hstack([rows.values[learned], changed_across(rows, learned)]), self.features)
        self.parts = (Linear(seen), Boosted(seen), RandomForest(seen))
        self.vocabulary = Vocabulary(rows, learned)

    def log_odds(self, asked: np.ndarray) -> np.ndarray:
        measured = np.hstack([self.rows.values[asked], self.changed.measures(self.rows, asked)])
        rows = self.rows.like(asked, measured, self.features)
        added = {
            SIGNS: measured[:, self.features.index(SIGNS)],
            CHANGED: measured[:, self.features.index(CHANGED)],
            VOCABULARY: self.vocabulary.log_odds(self.rows, asked),
        }
        found = np.sum([share * part.log_odds(rows) for share, part in zip(SHARES, self.parts, strict=True)], axis=0)
        for name, values in added.items():
            found += np.nan_to_num(values) * np.array([ADDED[situation].get(name, 0.0) for situation in rows.situations])
        return found

    def numbers(self) -> dict[str, Any]:
        found: dict[str, Any] = {"features": self.features, **self.changed.numbers(), **self.vocabulary.numbers()}
        for part in self.parts:
            found |= part.numbers()
        return found


def across_folds(rows: Rows) -> np.ndarray:
    """Log odds of each answer by a model that saw no answer about the same source."""
    found = np.zeros(len(rows.labels))
    for fold in range(FOLDS):
        asked = np.flatnonzero(rows.folds == fold)
        found[asked] = Fitted(rows, np.flatnonzero(rows.folds != fold)).log_odds(asked)
    return found


def across_datasets(rows: Rows) -> np.ndarray:
    """Log odds by a model that saw nothing of the same data set; NaN for those that are not left out."""
    found = np.full(len(rows.labels), np.nan)
    for name in HELD_OUT:
        asked = np.flatnonzero(rows.datasets == name)
        found[asked] = Fitted(rows, np.flatnonzero(rows.datasets != name)).log_odds(asked)
    return found


def rounded(value: Any) -> Any:
    """Six significant digits: smaller, and the same on every machine."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [rounded(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(f"{value:.6g}")
    return value
