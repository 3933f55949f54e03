"""Runs the supervisor over the modules named on the command line: `python -m tests.scripts.supervise NAME=MODULE …`."""

import os
import sys

from scripts import home, supervisor
from scripts.supervisor import Part, Supervisor
from scripts.words import Stop

home.open_home()
supervisor.GRACE_S = 1.0
parts = [Part(name, command.split(",")) for name, _, command in (argument.partition("=") for argument in sys.argv[1:])]
try:
    ready = Supervisor(
        parts,
        environment=dict(os.environ),
        is_ready=lambda: any("http.server" in part.command for part in parts),
        announce=lambda: print("ready", flush=True),
    )
    sys.exit(ready.run())
except Stop as stop:
    sys.exit(f"orq: {stop}")
