"""`./orq train practice`: fits the shipped practice models again, in an environment of its own in the data folder."""

from __future__ import annotations

import subprocess

from scripts import home
from scripts.environment import ROOT, TORCH, TRAINING, Environment
from scripts.words import Stop, t

NEEDED_MB = 8000  # torch with the libraries of its CUDA build


def main(arguments: list[str]) -> int:
    if arguments[:1] != ["practice"]:
        raise Stop(t("Usage: ./orq train practice"))
    home.open_home()
    environment = Environment(home.HOME / "environments" / "training")
    environment.ensure(TORCH, TRAINING, needed_mb=NEEDED_MB)
    return subprocess.run([str(environment.python), "-m", "scripts.train_practice", *arguments[1:]], cwd=ROOT).returncode
