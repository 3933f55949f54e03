"""The data folder: its settings, its lock, and where what runs writes down that it runs. Standard library only."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import importlib.util
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.words import Stop, say, t

ROOT = Path(__file__).resolve().parent.parent
SMALLEST_FREE_MB = 50

if TYPE_CHECKING:
    from orquestrador import env as env


def _read_env() -> None:
    """Loads orquestrador/env.py without its package, whose import of Celery would cost the supervisor 30 MB."""
    spec = importlib.util.spec_from_file_location("orquestrador_env", ROOT / "orquestrador" / "env.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except OSError as error:
        raise Stop(t("The settings in {file} cannot be read: {cause}.", file=error.filename, cause=error.strerror)) from error
    globals()["env"] = module
    if language := module.text("ORQ_LANGUAGE"):
        os.environ["ORQ_LANGUAGE"] = language


_read_env()
HOME = env.ORQ_HOME
RUN, LOGS = HOME / "run", HOME / "logs"


def open_home() -> None:
    """Makes the data folder, for its owner alone, and refuses one that cannot be written to."""
    os.umask(0o077)
    try:
        for folder in (HOME, RUN, LOGS):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = RUN / f".probe-{os.getpid()}"
        probe.write_bytes(b"x" * 65536)
        probe.unlink()
    except OSError as error:
        raise Stop(os_error_in_words(error, doing=t("The data folder {home} cannot be used", home=HOME))) from error
    free_mb = os.statvfs(HOME).f_bavail * os.statvfs(HOME).f_frsize // 2**20
    if free_mb < SMALLEST_FREE_MB:
        text = "Only {free_mb} MB are free on the disk of {home}; at least {needed_mb} MB are needed to start. Free some space."
        raise Stop(t(text, free_mb=free_mb, home=HOME, needed_mb=SMALLEST_FREE_MB))


def os_error_in_words(error: OSError, *, doing: str) -> str:
    """`doing` is what failed, as the beginning of a sentence."""
    file = error.filename
    advice = {
        errno.ENOSPC: t("the disk is full. Free some space and start again."),
        errno.EDQUOT: t("your disk quota is used up. Free some space and start again."),
        errno.EACCES: t("permission denied for {file}. Run this as its owner, or set ORQ_HOME to another folder.", file=file),
        errno.EROFS: t("the disk is read-only. Set ORQ_HOME to a folder that can be written to."),
        errno.ENOTDIR: t("{file} is not a folder. Set ORQ_HOME to a folder.", file=file),
        errno.EEXIST: t("{file} is not a folder. Set ORQ_HOME to a folder.", file=file),
    }
    return f"{doing}: {advice.get(error.errno or 0) or f'{error.strerror or error}.'}"


@contextlib.contextmanager
def only_start(url: str) -> Iterator[None]:
    """Holds the data folder for one start. A second one is told who holds it."""
    with open(RUN / "orq.lock", "a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = (
                "Orquestrador already runs with {home}: {url} (process {pid}). Stop it first, or set ORQ_HOME to another folder."
            )
            raise Stop(t(text, home=HOME, **_who_holds())) from None
        lock.truncate(0)
        lock.write(json.dumps({"pid": os.getpid(), "url": url}))
        lock.flush()
        end_leftovers()
        write_pid("orq", os.getpid())
        try:
            yield
        finally:
            forget_pid("orq")
            lock.truncate(0)


def _who_holds() -> dict[str, object]:
    with contextlib.suppress(ValueError, OSError):
        return dict(json.loads((RUN / "orq.lock").read_text(encoding="utf-8")))
    return {"pid": "?", "url": t("its address is not known yet")}


def running_instance() -> dict[str, object] | None:
    """{"pid", "url"} of the start that holds this data folder, or None."""
    with contextlib.suppress(FileNotFoundError), open(RUN / "orq.lock", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _who_holds()
    return None


# ---- what runs, as files in run/ ----


def write_pid(name: str, pid: int) -> None:
    (RUN / f"{name}.pid").write_text(f"{pid}\n")


def forget_pid(name: str) -> None:
    (RUN / f"{name}.pid").unlink(missing_ok=True)


def end_leftovers(patience_s: float = 6.0) -> None:
    """Waits for what an earlier start left when it was killed, and kills what does not end by itself."""
    deadline = time.monotonic() + patience_s
    for file in sorted(RUN.glob("*.pid")):
        pid = int(file.read_text().strip() or 0)
        if file.name != "orq.pid" and _is_ours(pid):
            say("An earlier start was cut off; waiting for its {name} (process {pid}) to end …", name=file.stem, pid=pid)
            while _is_ours(pid) and time.monotonic() < deadline:
                time.sleep(0.05)
            kill_group(pid)
        file.unlink(missing_ok=True)


def kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _is_ours(pid: int) -> bool:
    """A number in a file may belong to another process by now; ours lead a group and were started by scripts.child."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if pid and os.getpgid(pid) == pid:
            shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
            return "scripts.child" in shown.stdout
    return False
