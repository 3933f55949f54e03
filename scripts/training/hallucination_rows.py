"""The data of hallucination, measured by the detectors of the product."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter, defaultdict
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from apps.tasks.engine.hallucination.changes import TRAITS
from apps.tasks.engine.hallucination.evidence import ANSWER_CHARS, Evidence, gather
from apps.tasks.engine.hallucination.model import situation
from apps.tasks.engine.hallucination.text import Text, read
from apps.tasks.engine.hallucination.vocabulary import SIZE

THIS_YEAR = 2026
LEFT_OUT = frozenset({"halueval_qa"})  # the length of an answer alone gives the label away
PAIRED = frozenset({"bump", "summedits"})  # wrong answers are right ones with a change in them
LESS = {"ragtruth": 0.3}  # several answers to one prompt, without its sources
CALM = 0.7  # a task of many rows counts for more than one of few, less than in proportion
FOLDS = 10
ALIKE = 0.6  # a wrong answer less like every right one says nothing about which of its words were changed
RETOLD = 3  # where so many right answers tell the same, a word that any of them has is another way of saying it


class Rows:
    """A line of `values` for each answer, NaN where there was nothing to measure; `traits` a line for each of its words."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        evidence = [_evidence(row) for row in rows]
        measured = [one.measures() for one in evidence]
        self.features = sorted({name for measures in measured for name in measures})
        self.values = np.array([[measures.get(name, np.nan) for name in self.features] for measures in measured])
        self.labels = np.array([row["label"] for row in rows])
        self.tasks = np.array([task_of(row["task"]) for row in rows])
        self.datasets = np.array([row["dataset"] for row in rows])
        self.groups = np.array([row["group"] for row in rows])
        self.folds = np.array([fold_of(group) for group in self.groups])
        self.situations = np.array([situation(measures) for measures in measured])
        self.marks = _marks(evidence)
        self.traits = np.array([change.traits for one in evidence for change in one.changes]).reshape(-1, len(TRAITS))
        self.traits_of = np.array([number for number, one in enumerate(evidence) for _ in one.changes])
        self.changed = _changed(rows, evidence)

    def like(self, chosen: np.ndarray, values: np.ndarray, features: list[str]) -> Rows:
        """Some of the rows, with other measures."""
        found = object.__new__(Rows)
        found.features, found.values = features, values
        for name in ("labels", "tasks", "datasets", "groups", "folds", "situations"):
            setattr(found, name, getattr(self, name)[chosen])
        return found


def read_rows(data_dir: Path) -> list[dict[str, Any]]:
    files = sorted(data_dir.glob("*_dev.jsonl.gz"))
    if not files:
        raise SystemExit(f"{data_dir} holds no *_dev.jsonl.gz")
    rows = [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).decode("utf-8").splitlines()]
    return [row for row in rows if row["dataset"] not in LEFT_OUT]


def task_of(name: str) -> str:
    """The tasks of one kind together: the eight domains of SummEdits, the four models of the contradictions."""
    return next((kind for kind in ("summedits", "contradiction") if name.startswith(kind)), name)


def fold_of(group: str, salt: str = "") -> int:
    """Answers about one source are never on both sides."""
    return zlib.crc32((salt + group).encode()) % FOLDS


def weights_of(rows: Rows, chosen: np.ndarray) -> np.ndarray:
    counts = Counter(rows.tasks[chosen])
    weights = np.array([LESS.get(rows.datasets[i], 1.0) / counts[rows.tasks[i]] ** CALM for i in chosen])
    return weights / weights.mean()


def _evidence(row: dict[str, Any]) -> Evidence:
    return gather(
        row["answer"],
        question=row.get("question") or "",
        sources=[row["context"]] if row.get("context") else [],
        others=row.get("samples") or [],
        before="",
        this_year=THIS_YEAR,
    )


def _marks(evidence: list[Evidence]) -> csr_matrix:
    lines = [number for number, one in enumerate(evidence) for _ in one.marks]
    places = [place for one in evidence for place in one.marks]
    values = [value for one in evidence for value in one.marks.values()]
    return csr_matrix((values, (lines, places)), shape=(len(evidence), SIZE))


def _changed(rows: list[dict[str, Any]], evidence: list[Evidence]) -> np.ndarray:
    """For each word 1 where it was changed, 0 where not, -1 where nobody knows."""
    right: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
    for row in rows:
        if row["dataset"] in PAIRED and not row["label"]:
            right[row["dataset"], row["group"]].append(_words(read(row["answer"], ANSWER_CHARS)))
    found: list[int] = []
    for row, one in zip(rows, evidence, strict=True):
        known: dict[int, int] | None = None
        if row["dataset"] in PAIRED:
            text = read(row["answer"], ANSWER_CHARS)
            known = _differences(text, right[row["dataset"], row["group"]]) if row["label"] else {}
        found += [-1 if known is None else known.get(change.word.start, 0) for change in one.changes]
    return np.array(found)


def _differences(text: Text, right: list[list[str]]) -> dict[int, int] | None:
    """By where a word begins: 1 where the right answer most like it has another or none, -1 where that may be a retelling."""
    matchers = [SequenceMatcher(None, words, _words(text), autojunk=False) for words in right]
    nearest = max(matchers, key=lambda matcher: matcher.ratio(), default=None)
    if nearest is None or nearest.ratio() <= ALIKE:
        return None
    retold = {word for words in right for word in words} if len(right) >= RETOLD else set()
    return {
        text.words[place].start: -1 if text.words[place].text in retold else 1
        for kind, _, _, begin, end in nearest.get_opcodes()
        if kind != "equal"
        for place in range(begin, end)
    }


def _words(text: Text) -> list[str]:
    return [word.text for word in text.words]
