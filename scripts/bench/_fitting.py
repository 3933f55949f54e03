"""Runs a module of benchmarks where numpy and scikit-learn are: in the environment in which models are fitted."""

from __future__ import annotations

import argparse
import os
import subprocess
from pathlib import Path

from scripts import home
from scripts.environment import FITTING, ROOT, Environment

NEEDED_MB = 600
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run(module: str, about: str) -> int:
    """Asks for the folder with the data and hands it on."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("folder", type=Path, help="with routing data: *.csv.gz of the columns id, subject, weak, strong, prompt")
    parser.add_argument("--quick", action="store_true", help="the shipped model alone, without fits that leave rows out")
    asked = parser.parse_args()
    home.open_home()
    environment = Environment(home.HOME / "environments" / "fitting")
    environment.ensure(FITTING, needed_mb=NEEDED_MB)
    command = [str(environment.python), "-m", module, str(asked.folder.resolve()), *(["--quick"] if asked.quick else [])]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, **ONE_THREAD}).returncode
