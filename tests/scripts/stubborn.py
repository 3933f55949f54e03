"""A part that ignores SIGTERM and starts a child of its own, which does too."""

import signal
import subprocess
import sys
import time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "alone" not in sys.argv:
    child = subprocess.Popen([sys.executable, "-m", "tests.scripts.stubborn", "alone"])
    print(f"child {child.pid}", flush=True)
while True:
    time.sleep(60)
