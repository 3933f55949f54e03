"""`python -m scripts.bench._folds FOLDER OUT`, in the fitting environment: what models say of answers they had not seen."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

from scripts.training import hallucination as fit


def main(folder: Path, out: Path) -> None:
    """Writes id, inside, outside: the chance in percent by folds, and by leaving the data set out (empty where it was not)."""
    records = fit.read_rows(folder)
    rows = fit.Rows(records)
    inside, outside = fit.across_folds(rows), fit.across_datasets(rows)
    numbers = fit.calibration(rows, inside, outside)
    slopes = np.array([numbers[name] for name in rows.situations])
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "inside", "outside"])
        for record, *values in zip(records, _chances(inside, slopes), _chances(outside, slopes), strict=True):
            writer.writerow([record["id"], *("" if np.isnan(value) else f"{value:.6f}" for value in values)])


def _chances(log_odds: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    return 100 / (1 + np.exp(-(slopes[:, 0] * log_odds + slopes[:, 1])))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
