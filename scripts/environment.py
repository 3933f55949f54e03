"""Makes the Python environment and keeps it equal to the requirement files. Standard library only: it runs before all else."""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.words import Stop, say, t

ROOT = Path(__file__).resolve().parent.parent
BOOTSTRAP = ROOT / "scripts" / "requirements-bootstrap.txt"
RUNTIME = ROOT / "requirements.txt"
TESTS = ROOT / "requirements-test.txt"
MYSQL = ROOT / "requirements-mysql.txt"
TRAINING = ROOT / "requirements-training.txt"
FITTING = ROOT / "requirements-fitting.txt"
TORCH = ROOT / "requirements-training-torch.txt"  # pinned without hashes: each platform has builds of its own
NEEDED_MB = 700  # measured 2026-11: 480 MB of packages with their compiled files, and what is held while unpacking
OLDEST_PYTHON = (3, 11)
RETRIES = "2"  # with pip's five, a machine without network would keep a person waiting


@dataclass(frozen=True)
class Environment:
    """One virtual environment, with a copy of each requirement file that it was filled from: equal means current."""

    path: Path

    @property
    def python(self) -> Path:
        return self.path / "bin" / "python"

    def is_current(self, requirements: Path) -> bool:
        with contextlib.suppress(OSError):
            return self._stamp(requirements).read_bytes() == requirements.read_bytes()
        return False

    def ensure(self, *files: Path, needed_mb: int = NEEDED_MB) -> bool:
        """Fills the environment from the files that it is not current with. Says whether anything was done."""
        if self.python.exists() and all(self.is_current(file) for file in files):
            return False
        with _only_one_installer(self.path.with_name(f"{self.path.name}.lock")):
            missing = [file for file in files if not self.is_current(file)]
            if missing or not self._works():
                self._make(needed_mb)
                for file in missing or files:
                    self._install(file)
        return True

    # ---- steps, in the order in which they happen ----

    def _works(self) -> bool:
        test = f"import sys, pip; sys.exit(sys.version_info < {OLDEST_PYTHON})"
        try:
            return subprocess.run([str(self.python), "-c", test], capture_output=True).returncode == 0
        except OSError:
            return False

    def _make(self, needed_mb: int) -> None:
        if not self._works():
            _check_space(self.path.parent, needed_mb)
            say("Making the Python environment in {path} …", path=self.path)
            base = getattr(sys, "_base_executable", None) or sys.executable  # this process may run in the broken one
            self._run([base, "-m", "venv", "--clear", str(self.path)])
        self._stamps.mkdir(exist_ok=True)

    def _install(self, requirements: Path) -> None:
        count = sum("==" in line and not line.startswith((" ", "#")) for line in requirements.read_text().splitlines())
        say("Installing {count} packages of {file} …", count=count, file=requirements.name)
        unfinished = self._stamps / "unfinished"
        again = unfinished.exists()  # an install was cut off: half a package may lie there and look whole
        unfinished.touch()
        pinned = [*(["--require-hashes"] if "--hash=" in requirements.read_text() else []), "-r", str(requirements)]
        if not self._install_by_uv([*pinned, *(["--reinstall"] if again else [])]):
            force = ["--force-reinstall"] if again else []
            self._run([str(self.python), "-m", "pip", "install", "--quiet", "--retries", RETRIES, *force, *pinned])
        self._stamp(requirements).write_bytes(requirements.read_bytes())
        unfinished.unlink()

    def _install_by_uv(self, arguments: list[str]) -> bool:
        """False where uv has no wheel for this machine, or could not do it; pip tries then, and its words are shown."""
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--retries", RETRIES, "--only-binary=:all:"]
        if not (self.path / "bin" / "uv").exists() and not self._attempt([*pip, "--require-hashes", "-r", str(BOOTSTRAP)]):
            return False
        uv = [str(self.path / "bin" / "uv"), "pip", "install", "--quiet", "--compile-bytecode", "--python", str(self.python)]
        return self._attempt([*uv, *arguments])

    # ---- running pip and uv ----

    def _attempt(self, command: list[str]) -> bool:
        with contextlib.suppress(_NotDone):
            self._run(command)
            return True
        return False

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if done.returncode:
            log = self._keep_log(command, done.stdout)
            raise _explained(done.stdout, log)

    def _keep_log(self, command: list[str], output: str) -> Path:
        log = self.path.with_name(f"{self.path.name}-install.log")
        with contextlib.suppress(OSError):  # a full disk is about to be explained; it must not hide behind its own log
            log.write_text(f"{' '.join(command)}\n{output}")
        return log

    # ---- stamps ----

    @property
    def _stamps(self) -> Path:
        return self.path / ".orq"

    def _stamp(self, requirements: Path) -> Path:
        return self._stamps / requirements.name


class _NotDone(Stop):
    """pip or uv failed for a reason that the other may not share."""


_FULL = ("No space left", "os error 28", "Errno 28", "Disk quota exceeded")
_ALTERED = ("DO NOT MATCH THE HASHES", "Hash mismatch")
_OFFLINE = (
    "Temporary failure in name resolution", "NewConnectionError", "ConnectTimeout", "ProxyError", "Max retries",
    "dns error", "Connection refused", "Network is unreachable", "Failed to fetch",
)  # fmt: skip


def _explained(output: str, log: Path) -> Stop:
    """What went wrong, in words, from the output of pip or uv."""
    if any(sign in output for sign in _FULL):
        return _no_space(log.parent, NEEDED_MB)
    if any(sign in output for sign in _ALTERED):
        return Stop(
            t("A package that was downloaded is not the one that was pinned; it was not installed. Details: {log}", log=log)
        )
    if any(sign in output for sign in _OFFLINE):
        text = (
            "The packages could not be downloaded: no connection to the package index. "
            "Check the network (HTTPS_PROXY and PIP_INDEX_URL are honoured) and run this again; it goes on where it stopped. "
            "Details: {log}"
        )
        return _NotDone(t(text, log=log))
    last = next((line for line in reversed(output.splitlines()) if line.strip()), "")
    return _NotDone(t("The packages could not be installed: {last} Details: {log}", last=last, log=log))


def _no_space(folder: Path, needed_mb: int) -> Stop:
    free_mb = shutil.disk_usage(folder).free // 2**20
    return Stop(
        t(
            "The disk of {folder} is full: installing needs about {needed_mb} MB and {free_mb} MB are free. "
            "Free some space and run this again; it goes on where it stopped.",
            folder=folder,
            needed_mb=needed_mb,
            free_mb=free_mb,
        )
    )


def _check_space(folder: Path, needed_mb: int) -> None:
    if shutil.disk_usage(folder).free < needed_mb * 2**20:
        raise _no_space(folder, needed_mb)


@contextlib.contextmanager
def _only_one_installer(lock: Path) -> Iterator[None]:
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = open(lock, "w")  # noqa: SIM115 - closed below; here only its opening may fail
    except OSError as error:
        text = "{folder} cannot be written to: {cause}. Make it yours, or run this as its owner."
        raise Stop(t(text, folder=lock.parent, cause=error.strerror)) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another ./orq is installing; waiting for it …")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


PRODUCT = Environment(ROOT / ".venv")
