"""Runs one server for tests and ends it with the test run: `python sitter.py OWNER_PID FOLDER USER COMMAND…`.

The server runs as USER (a name, or "" for the present one). When SIGTERM comes or the owner dies, however it dies, the
server's whole process group is ended. When the owner is gone, FOLDER is removed, and with it the folder around it where that
bears this owner's number: it is the one of all its servers. Nothing else is ever removed. Standard library only.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

SERVERS_OF = "orq-test-servers-"  # and the owner's process number: the folder of all the servers of one run


def main(owner: int, folder: str, user: str, command: list[str]) -> None:
    asked: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for pytest, whose end is seen here
    as_user: dict[str, Any] = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if user else {}
    with open(os.path.join(folder, "log"), "ab") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **as_user)
    while server.poll() is None and not asked and _is_alive(owner):
        time.sleep(0.1)
    end(server)
    if not _is_alive(owner):
        around = os.path.dirname(folder)
        is_of_owner = os.path.basename(around) == f"{SERVERS_OF}{owner}"
        shutil.rmtree(around if is_of_owner else folder, ignore_errors=True)


def end(server: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=8)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)  # what it started itself, too
    server.wait()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:])
