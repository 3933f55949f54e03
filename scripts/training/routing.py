"""Routing data and its measure: how much of a strong model's advantage a score keeps when it decides who answers."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

GRID = np.linspace(0.0, 1.0, 11)
csv.field_size_limit(10**9)


@dataclass(frozen=True)
class RoutingSet:
    """Prompts with what a weak and a strong model made of them, each 0-1."""

    name: str
    prompts: list[str]
    subjects: np.ndarray
    weak: np.ndarray
    strong: np.ndarray
    ids: list[str]
    out_chars: np.ndarray  # of the weak and the strong answer

    @property
    def gain(self) -> np.ndarray:
        return self.strong - self.weak


def rows_of(file: Path) -> list[dict[str, str]]:
    with gzip.open(file, "rb") as stream:
        return list(csv.DictReader(io.TextIOWrapper(stream, encoding="utf-8", newline="")))


def load(folder: Path) -> dict[str, RoutingSet]:
    """Every `<name>_<half>.csv.gz` that has weak, strong and prompt, by name. Scores of 1-10 are brought to 0-1."""
    found = {}
    for file in sorted(folder.glob("*.csv.gz")):
        rows = rows_of(file)
        if not rows or not {"weak", "strong", "prompt"} <= rows[0].keys():
            continue
        weak, strong = (np.array([float(row[column]) for row in rows]) for column in ("weak", "strong"))
        most = 10.0 if max(weak.max(), strong.max()) > 1 else 1.0
        out = np.array([[float(row["weak_out_chars"]), float(row["strong_out_chars"])] for row in rows])
        subjects = np.array([row["subject"] for row in rows])
        name = file.name.split("_")[0]
        found[name] = RoutingSet(
            name, [row["prompt"] for row in rows], subjects, weak / most, strong / most, [row["id"] for row in rows], out
        )
    if not found:
        sys.exit(f"{folder} holds no routing data: *.csv.gz with the columns id, subject, weak, strong, prompt")
    return found


def curve(weak: np.ndarray, strong: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share sent to the strong model and the quality of the mix; ties count as their mean over random orders."""
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])) + 1, len(score))
    share = np.concatenate(([0.0], ends / len(score)))
    quality = weak.mean() + np.concatenate(([0.0], np.cumsum((strong - weak)[order])[ends - 1] / len(score)))
    return share, quality


def apgr(weak: np.ndarray, strong: np.ndarray, score: np.ndarray) -> float:
    """Area under the performance gap recovered, on the grid 0, 0.1 … 1 (arXiv 2406.18665)."""
    on_grid = np.interp(GRID, *curve(weak, strong, score))
    area = float(np.sum((on_grid[1:] + on_grid[:-1]) / 2 * np.diff(GRID)))
    return (area - float(weak.mean())) / float(strong.mean() - weak.mean())


def share_needed(weak: np.ndarray, strong: np.ndarray, score: np.ndarray, *, recovered: float) -> float:
    """CPT: the smallest share of strong calls, 0-1, that recovers this part of the gap, on the same grid."""
    quality = np.interp(GRID, *curve(weak, strong, score))
    return _first(GRID, quality, weak.mean() + recovered * (strong.mean() - weak.mean()))


def cost_at(weak: np.ndarray, strong: np.ndarray, score: np.ndarray, *, level: float = 0.95, always_weak: bool = False) -> float:
    """The bill, as a part of always asking the strong model, of reaching this part of its quality, with prices 24.7 and 0.24.

    `always_weak`: the weak model is paid for every prompt, because the score looks at its answer.
    """
    share, quality = curve(weak, strong, score)
    sent = _first(share, quality, level * strong.mean())
    return (sent * 24.7 + (1.0 if always_weak else 1.0 - sent) * 0.24) / 24.7


def bill(data: RoutingSet, score: np.ndarray, *, level: float = 0.95) -> float:
    """As `cost_at`, by tokens of four characters at 10 and 30 dollars per million against 0.24."""
    read = np.array([len(prompt) / 4 for prompt in data.prompts])
    strong = read * 10 + data.out_chars[:, 1] / 4 * 30
    weak = (read + data.out_chars[:, 0] / 4) * 0.24
    order = np.argsort(-score, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(score[order])) + 1, len(score))
    quality = data.weak.mean() + np.concatenate(([0.0], np.cumsum(data.gain[order])[ends - 1] / len(score)))
    spent = weak.sum() + np.concatenate(([0.0], np.cumsum((strong - weak)[order])[ends - 1]))
    return _first(spent, quality, level * data.strong.mean()) / float(strong.sum())


def _first(x: np.ndarray, quality: np.ndarray, target: float) -> float:
    hit = np.flatnonzero(quality >= target - 1e-12)
    if len(hit) == 0:
        return float(x[-1])
    at = int(hit[0])
    if at == 0:
        return float(x[0])
    step = (target - quality[at - 1]) / (quality[at] - quality[at - 1])
    return float(x[at - 1] + step * (x[at] - x[at - 1]))


def interval(size: int, statistic: Callable[[np.ndarray], float], *, times: int = 500, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of a statistic of row numbers."""
    random = np.random.default_rng(seed)
    drawn = [statistic(random.integers(0, size, size)) for _ in range(times)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return round(float(low), 3), round(float(high), 3)


def report(data: RoutingSet, score: np.ndarray) -> dict[str, object]:
    """The figures of a score on a set: with interval, and against the length of the prompt on the same draws."""
    length = np.array([float(len(prompt)) for prompt in data.prompts])

    def better(rows: np.ndarray) -> float:
        weak, strong = data.weak[rows], data.strong[rows]
        return apgr(weak, strong, score[rows]) - apgr(weak, strong, length[rows])

    return {
        "n": len(score),
        "apgr": round(apgr(data.weak, data.strong, score), 3),
        "apgr_ci95": interval(len(score), lambda rows: apgr(data.weak[rows], data.strong[rows], score[rows])),
        "better_than_length_ci95": interval(len(score), better),
        "cpt50": round(share_needed(data.weak, data.strong, score, recovered=0.5), 3),
        "cpt80": round(share_needed(data.weak, data.strong, score, recovered=0.8), 3),
        "bill_at_95": round(bill(data, score), 3),
        "bill_at_95_random": round(bill(data, np.zeros(len(score))), 3),
    }
