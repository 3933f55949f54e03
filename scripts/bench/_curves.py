"""How well a score tells wrong from right, with intervals; plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

RESAMPLES = 300
SEED = 7
BINS = 10


def auroc(labels: Sequence[int], scores: Sequence[float]) -> float | None:
    """The chance that a wrong answer scores above a right one, ties counted half. None where there is only one kind.

    >>> auroc([1, 0], [2.0, 1.0])
    1.0
    """
    wrong = sum(labels)
    right = len(labels) - wrong
    if not wrong or not right:
        return None
    order = sorted(range(len(scores)), key=scores.__getitem__)
    ranks, place = 0.0, 0
    while place < len(order):
        end = place
        while end < len(order) and scores[order[end]] == scores[order[place]]:
            end += 1
        ranks += (place + end + 1) / 2 * sum(labels[order[at]] for at in range(place, end))
        place = end
    return (ranks - wrong * (wrong + 1) / 2) / (wrong * right)


def auroc_interval(labels: Sequence[int], scores: Sequence[float], groups: Sequence[str]) -> tuple[float, float] | None:
    """95 % by drawing whole groups (answers about one source hang together), never single rows."""
    members: dict[str, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        members[group].append(place)
    rng, names, found = random.Random(SEED), sorted(members), []
    for _ in range(RESAMPLES):
        drawn = [place for _ in names for place in members[names[rng.randrange(len(names))]]]
        value = auroc([labels[place] for place in drawn], [scores[place] for place in drawn])
        if value is not None:
            found.append(value)
    found.sort()
    return (found[int(0.025 * len(found))], found[min(len(found) - 1, int(0.975 * len(found)))]) if found else None


def best_f1(labels: Sequence[int], scores: Sequence[float]) -> float:
    """The best F1 that one threshold on these very rows gives."""
    order = sorted(range(len(scores)), key=lambda place: -scores[place])
    wrong, hits, best, place = sum(labels), 0, 0.0, 0
    while place < len(order):
        level = scores[order[place]]
        while place < len(order) and scores[order[place]] == level:
            hits += labels[order[place]]
            place += 1
        best = max(best, 2 * hits / (place + wrong))
    return best


def always_yes_f1(labels: Sequence[int]) -> float:
    """F1 of calling every answer wrong."""
    share = sum(labels) / len(labels)
    return 2 * share / (1 + share)


def found_at(labels: Sequence[int], scores: Sequence[float], *, false_alarms: float) -> float:
    """The share of wrong answers above the threshold that lets at most so large a share of right ones through to an alarm."""
    right = sorted((score for label, score in zip(labels, scores, strict=True) if not label), reverse=True)
    threshold = right[int(false_alarms * len(right))]
    wrong = [score for label, score in zip(labels, scores, strict=True) if label]
    return sum(score > threshold for score in wrong) / len(wrong)


def calibration_error(labels: Sequence[int], chances: Sequence[float], tasks: Sequence[str]) -> float:
    """Expected calibration error in ten bins, every task counting the same. `chances`: 0 to 1."""
    counts: dict[str, int] = defaultdict(int)
    for task in tasks:
        counts[task] += 1
    gaps = [0.0] * BINS
    for label, chance, task in zip(labels, chances, tasks, strict=True):
        gaps[min(BINS - 1, int(chance * BINS))] += (label - chance) / counts[task]
    return sum(map(abs, gaps)) / len(counts)


def mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
