"""`python -m scripts.training NAME DATA [--out FILE]`, called by `./orq train`."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

from scripts.environment import ROOT

ENGINE = ROOT / "apps" / "tasks" / "engine"
WRITES = {
    "complexity": ENGINE / "complexity" / "model.json",
    "confidence": ENGINE / "trust" / "model.json",
    "hallucination": ENGINE / "hallucination" / "model.json",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="./orq train", description=__doc__)
    parser.add_argument("name", choices=sorted(WRITES))
    parser.add_argument("data", type=Path, help="folder with the data; the reference page of the estimator says what is in it")
    parser.add_argument("--out", type=Path, help="file to write instead of the one that the product reads")
    options = parser.parse_args()
    importlib.import_module(f"scripts.training.{options.name}").train(options.data, options.out or WRITES[options.name])


if __name__ == "__main__":
    main()
