"""`./orq train NAME`: fits a shipped model again, in an environment of its own in the data folder."""

from __future__ import annotations

import os
import subprocess

from scripts import home
from scripts.environment import FITTING, ROOT, TORCH, TRAINING, Environment
from scripts.words import Stop, t

NEEDED_MB = 8000  # torch with the libraries of its CUDA build
FITTED = ("complexity", "confidence", "hallucination")
NEEDED_FOR_FITTING_MB = 600
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # sums in the same order


def main(arguments: list[str]) -> int:
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name in FITTED and rest:
        return fit([name, *rest])
    if name == "practice":
        return train_practice(rest)
    raise Stop(t("Usage: ./orq train practice, or ./orq train complexity|confidence|hallucination FOLDER [--out FILE]"))


def train_practice(arguments: list[str]) -> int:
    home.open_home()
    environment = Environment(home.HOME / "environments" / "training")
    environment.ensure(TORCH, TRAINING, needed_mb=NEEDED_MB)
    return subprocess.run([str(environment.python), "-m", "scripts.train_practice", *arguments], cwd=ROOT).returncode


def fit(arguments: list[str]) -> int:
    home.open_home()
    environment = Environment(home.HOME / "environments" / "fitting")
    environment.ensure(FITTING, needed_mb=NEEDED_FOR_FITTING_MB)
    paths = {"PYTHONPATH": str(ROOT)}  # the reader's own folder stays the current one, so that paths mean what was typed
    command = [str(environment.python), "-m", "scripts.training", *arguments]
    return subprocess.run(command, env={**os.environ, **ONE_THREAD, **paths}).returncode
