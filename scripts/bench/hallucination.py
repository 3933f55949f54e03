"""How well the score of hallucination tells wrong answers from right ones, and what it costs in time.

FOLDER has the files `*_dev.jsonl.gz` that the score is fitted on (rows `id, task, dataset, group, context, question, answer,
label, samples?`): the shipped score has seen them, so its figures on them flatter. `--cross-validated` fits again in the fitting
environment and prints what models said that had not seen an answer's source ("in domain") or its data set ("other sets");
`--scores FILE` (CSV, `id,score`) takes the scores from a file. Loops and off-topic answers are made from the texts of the folder
with a fixed seed; nothing was fitted on them. Beside each figure: what the answer's length alone gives, and calling all wrong.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from apps.tasks.engine.hallucination import assess
from apps.tasks.engine.hallucination.score import score_lines
from scripts.bench._curves import always_yes_f1, auroc, auroc_interval, best_f1, calibration_error, found_at, mean
from scripts.bench._made import SEED, loops, ordinary_texts, read_rows, to_the_nearest_question, topics
from scripts.environment import FITTING, ROOT, Environment

MACRO = ("begin_wow", "q2_dialogue", "summedits", "bump_taxonomy", "wikibio_grounded")
NOT_FITTED = "halueval_qa"  # the answer's length alone tells right from wrong there; it serves for making off-topic answers
FALSE_ALARMS = 0.02
SPARED, FEWEST_RIGHT = 0.8, 30
TIMED, ANSWER_WORDS, SOURCE_WORDS = 40, 300, 600
HEAD = ("what", "n", "wrong", "AUROC (95 %)", "length alone", "best F1", "always yes", "also")


def main() -> int:
    options = _options()
    if options.folder is None:
        print("hallucination: give the folder with the data; nothing was measured", file=sys.stderr)
        return 0
    rows = read_rows(options.folder)
    tables = {"shipped": _shipped(rows)} if not (options.scores or options.cross_validated) else {}
    if options.scores:
        tables = {options.scores.name: _from_file(options.scores, "score")}
    if options.cross_validated:
        tables |= _cross_validated(options.folder)
    for name, scores in tables.items():
        _print(f"Public data, scores: {name}", _of_data(rows, scores))
        _say_calibration(rows, scores)
        _say_counts_from(rows, scores)
    if not options.data_only:
        _print("Loops made from ordinary texts (score of the text alone)", _of_loops(rows, options.texts))
        _print("Answers under the nearest wrong question", _of_topics(rows, options.routing))
        print(json.dumps({"ms_per_answer": _timed(rows)}))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./orq bench hallucination", description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="without one nothing is measured")
    parser.add_argument("--cross-validated", action="store_true", help="fit again and score what each fit had not seen; minutes")
    parser.add_argument("--scores", type=Path, help="CSV with id,score instead of the shipped score")
    parser.add_argument("--routing", type=Path, help="folder with gsm8k_dev.csv.gz, for off-topic answers of mathematics")
    parser.add_argument("--texts", type=int, default=300, help="how many ordinary texts get loops of each kind")
    parser.add_argument("--data-only", action="store_true", help="leave out loops, off-topic answers and timing")
    return parser.parse_args()


# ── scores ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _shipped(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    return {scored["id"]: scored["score"] for scored in score_lines(rows)}


def _from_file(file: Path, column: str) -> dict[str, float]:
    with file.open(newline="", encoding="utf-8") as lines:
        return {row["id"]: float(row[column]) for row in csv.DictReader(lines) if row[column]}


def _cross_validated(folder: Path) -> dict[str, dict[str, float]]:
    from scripts import home

    home.open_home()
    environment = Environment(home.HOME / "environments" / "fitting")
    environment.ensure(FITTING, needed_mb=600)
    with tempfile.TemporaryDirectory(prefix="orq-bench-") as scratch:
        out = Path(scratch) / "scores.csv"
        command = [str(environment.python), "-m", "scripts.bench._folds", str(folder.resolve()), str(out)]
        subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"})
        return {"in domain": _from_file(out, "inside"), "other sets": _from_file(out, "outside")}


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _task_of(row: Mapping[str, Any]) -> str:
    return next((kind for kind in ("summedits", "contradiction") if row["task"].startswith(kind)), row["task"])


def _of_data(rows: Sequence[dict[str, Any]], scores: Mapping[str, float]) -> Iterator[tuple[str, ...]]:
    tasks: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if row["id"] in scores and row["dataset"] != NOT_FITTED:
            tasks[_task_of(row)].append(row)
    values = {}
    for task, of_task in sorted(tasks.items()):
        labels, found = [row["label"] for row in of_task], [scores[row["id"]] for row in of_task]
        values[task] = auroc(labels, found)
        yield _line(task, labels, found, [row["group"] for row in of_task], [len(row["answer"]) for row in of_task])
    macro = mean([values.get(task) for task in MACRO])
    if macro is not None:
        yield ("macro of " + ", ".join(MACRO), "", "", f"{macro:.3f}", "", "", "", "")


def _of_loops(rows: Sequence[dict[str, Any]], most: int) -> Iterator[tuple[str, ...]]:
    texts, rng = ordinary_texts(rows, most), random.Random(SEED)
    looped: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        for kind, changed in loops(text, rng).items():
            looped[kind].append(changed)
    calm = [assess(text).score for text in texts]
    every: list[float] = []
    for kind, made in looped.items():
        found = [assess(text).score for text in made]
        every += found
        yield _line_of_made(kind, texts, calm, made, found)
    yield _line_of_made("all kinds", texts, calm, [text for made in looped.values() for text in made], every)


def _of_topics(rows: Sequence[dict[str, Any]], routing: Path | None) -> Iterator[tuple[str, ...]]:
    for kind, pairs in topics(rows, routing).items():
        strange = to_the_nearest_question(pairs)
        own = [assess(pair.answer, question=pair.question).score for pair in pairs]
        others = [assess(pair.answer, question=pair.question).score for pair in strange]
        yield _line_of_made(kind, [p.answer for p in pairs], own, [p.answer for p in strange], others)


def _line_of_made(
    kind: str, calm: Sequence[str], calm_scores: Sequence[float], made: Sequence[str], made_scores: Sequence[float]
) -> tuple[str, ...]:
    labels = [0] * len(calm) + [1] * len(made)
    scores = [*calm_scores, *made_scores]
    per = max(1, len(made) // len(calm))
    groups = [str(place) for place in range(len(calm))] + [str(place % len(calm)) for place in range(len(calm) * per)]
    also = f"{found_at(labels, scores, false_alarms=FALSE_ALARMS):.1%} found at {FALSE_ALARMS:.0%} false alarms"
    return _line(kind, labels, scores, groups, [len(text) for text in (*calm, *made)], also)


def _line(
    what: str, labels: Sequence[int], scores: Sequence[float], groups: Sequence[str], lengths: Sequence[float], also: str = ""
) -> tuple[str, ...]:
    value, interval, by_length = auroc(labels, scores), auroc_interval(labels, scores, groups), auroc(labels, lengths)
    told = "–" if value is None or interval is None else f"{value:.3f} ({interval[0]:.3f}-{interval[1]:.3f})"
    length = "–" if by_length is None else f"{max(by_length, 1 - by_length):.3f}"
    share = f"{sum(labels) / len(labels):.0%}"
    return (what, str(len(labels)), share, told, length, f"{best_f1(labels, scores):.3f}", f"{always_yes_f1(labels):.3f}", also)


def _print(title: str, lines: Iterator[tuple[str, ...]]) -> None:
    print(f"\n{title}\n")
    for line in (HEAD, ("---",) * len(HEAD)):
        print(f"| {' | '.join(line)} |")
    for line in lines:
        print(f"| {' | '.join(line)} |", flush=True)
    print()


def _say_calibration(rows: Sequence[dict[str, Any]], scores: Mapping[str, float]) -> None:
    known = [row for row in rows if row["id"] in scores and row["dataset"] != NOT_FITTED]
    chances = [scores[row["id"]] / 100 for row in known]
    error = calibration_error([row["label"] for row in known], chances, [_task_of(row) for row in known])
    print(json.dumps({"calibration_error": round(error, 4), "n": len(known)}), flush=True)


def _say_counts_from(rows: Sequence[dict[str, Any]], scores: Mapping[str, float]) -> None:
    """The score that four in five right answers with sources stay below, by data set.

    Cross-validated, "in domain", the highest of them, rounded, is COUNTS_FROM_WITH_SOURCES of engine/inspection.py.
    """
    right: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row["id"] in scores and row["dataset"] != NOT_FITTED and row.get("context") and not row["label"]:
            right[row["dataset"]].append(scores[row["id"]])
    passed = {name: sorted(found)[int(SPARED * len(found))] for name, found in right.items() if len(found) >= FEWEST_RIGHT}
    print(json.dumps({"four_in_five_right_below": {name: round(value, 1) for name, value in passed.items()}}), flush=True)


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _timed(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Milliseconds of this thread's processor for answers of 300 words with sources of 600 and a question."""
    answers = " ".join(row["answer"] for row in rows if not row["label"]).split()
    sources = " ".join(dict.fromkeys(row["context"] for row in rows if row.get("context"))).split()
    took = []
    for place in range(TIMED + 1):
        answer = " ".join(answers[place * ANSWER_WORDS :][:ANSWER_WORDS])
        source = " ".join(sources[place * SOURCE_WORDS :][:SOURCE_WORDS])
        began = time.thread_time()
        assess(answer, question="What does the text say about this, and when did it happen?", sources=[source])
        took.append((time.thread_time() - began) * 1000)
    rest = sorted(took[1:])  # the first reads the files
    return {"median": round(median(rest), 1), "nine_in_ten": round(rest[int(0.9 * len(rest))], 1)}


if __name__ == "__main__":
    sys.exit(main())
