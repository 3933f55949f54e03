"""Starts, finds and ends the engine's processes: one for each GGUF file, shared by all processes of the installation."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from apps.common.said import gettext as _
from apps.providers.engine import registry
from apps.providers.engine.gguf_header import GgufInfo, read_header
from apps.providers.engine.practice import practice_models
from apps.providers.engine.registry import Entry, ProcessId
from apps.providers.errors import EngineError

PROJECT = Path(__file__).resolve().parents[3]
KEY_VARIABLE = "ORQ_ENGINE_KEY"  # where server.py looks for it; importing that module would load llama.cpp
LOOK_EVERY_S = 0.02
END_WITHIN_S = 10.0
LAST_WORDS = 3  # lines of a dead process that are shown
PROCESS_BYTES = 100 * 2**20  # Python, llama.cpp's own buffers; measured 60 MB with a practice model
PASSED_ON = ("PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "TMPDIR")
# The processes that this one started, kept so that their ends are noticed and none stays a zombie.
_children: dict[int, subprocess.Popen[bytes]] = {}
# Threads of their own: a large model loads for minutes, and whoever waits for it must not hold up others.
_waiters = ThreadPoolExecutor(max_workers=32, thread_name_prefix="engine")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model answers, OpenAI style; `base_url` ends in /v1."""

    base_url: str
    api_key: str
    pid: int

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url}, pid={self.pid})"


@dataclass(frozen=True, slots=True)
class EngineState:
    path: Path
    pid: int
    memory_bytes: int  # resident now
    started_at: float  # seconds since 1970
    context_length: int


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model goes into the memory that is free. `needed_bytes` is an estimate: file, cache and process."""

    needed_bytes: int
    available_bytes: int

    @property
    def is_enough(self) -> bool:
        return self.needed_bytes <= self.available_bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a process is to be started; what is None may be as it is."""

    context_length: int | None = None
    gpu_layers: int | None = None
    despite_memory: bool = False

    def is_met_by(self, entry: Entry) -> bool:
        same_length = self.context_length in (None, entry.context_length)
        return same_length and self.gpu_layers in (None, entry.gpu_layers)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that can be served. `key` is a practice model's name, or the path inside the models folder."""

    key: str
    path: Path
    is_practice: bool


@dataclass(frozen=True, slots=True)
class EngineHost:
    """`models_dir` is where people drop GGUF files. Times in seconds; `context_length` in tokens."""

    run_dir: Path
    models_dir: Path
    threads: int = 2
    slots: int = 4
    default_context_length: int = 8192
    idle_s: float = 600.0
    start_within_s: float = 300.0

    async def ensure(
        self,
        path: Path,
        *,
        context_length: int | None = None,
        gpu_layers: int | None = None,
        despite_memory: bool = False,
    ) -> Endpoint:
        """Gives the running process of this file, starting it if need be.

        Without `context_length` and `gpu_layers` whatever runs will do; with them, a process that was started otherwise is
        replaced. EngineError says why the file cannot be served; `despite_memory` has it tried also when it does not fit.
        """
        wanted = Wanted(context_length, gpu_layers, despite_memory)
        return await asyncio.get_running_loop().run_in_executor(_waiters, self._ensure, path, wanted)

    async def cancel(self, path: Path) -> bool:
        """Gives up a start that is under way, whoever began it, and ends what has started; tells whether there was anything."""
        registry.disown(registry.entry_file(self.run_dir, path))
        return await self.unload(path)

    async def unload(self, path: Path) -> bool:
        """Ends the file's process, also in the middle of an answer; tells whether there was one."""
        return await asyncio.get_running_loop().run_in_executor(_waiters, self._unload, path)

    def loaded(self) -> list[EngineState]:
        """The processes that answer now, by path."""
        found = [registry.read(file) for file in sorted(self.run_dir.glob("*.json"))]
        states = [_state(entry) for entry in found if entry and entry.is_serving]
        return sorted((state for state in states if state), key=lambda state: state.path)

    def inspect(self, path: Path) -> GgufInfo:
        return read_header(path)

    def fit(self, path: Path, *, context_length: int | None = None) -> Fit:
        info = read_header(path)
        cache_bytes = info.kv_bytes_per_token * self._context_length(info, context_length)
        return Fit(info.size_bytes + cache_bytes + PROCESS_BYTES, psutil.virtual_memory().available)

    def check_fits(self, path: Path, *, context_length: int | None = None) -> Fit:
        """EngineError, with the number of bytes missing, when there is too little memory for the file."""
        fit = self.fit(path, context_length=context_length)
        if not fit.is_enough:
            raise EngineError(
                _(
                    "%(name)s needs about %(needed)s of memory (an estimate) and %(available)s is free: %(missing)s too little. "
                    "Unload another model, choose a shorter context, or take a smaller file."
                )
                % {
                    "name": path.name,
                    "needed": _size(fit.needed_bytes),
                    "available": _size(fit.available_bytes),
                    "missing": _size(fit.needed_bytes - fit.available_bytes),
                },
                missing_bytes=fit.needed_bytes - fit.available_bytes,
            )
        return fit

    def list_files(self) -> list[ModelFile]:
        """The models folder's GGUF files, folders inside it included, then the practice models."""
        dropped = sorted(file for file in self.models_dir.rglob("*.gguf") if file.is_file())
        return [
            *(ModelFile(file.relative_to(self.models_dir).as_posix(), file, is_practice=False) for file in dropped),
            *(ModelFile(model.key, model.path, is_practice=True) for model in practice_models()),
        ]

    def find(self, key: str) -> ModelFile:
        """EngineError when there is no such model."""
        for file in self.list_files():
            if key == file.key:
                return file
        raise EngineError(
            _("The built-in engine has no model %(key)s. Put its GGUF file into %(folder)s.")
            % {"key": key, "folder": self.models_dir}
        )

    def _ensure(self, path: Path, wanted: Wanted) -> Endpoint:
        self.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _reap_children()
        file = registry.entry_file(self.run_dir, path)
        with self._locked(file, path):
            entry = registry.read(file)
            if entry and entry.is_serving and wanted.is_met_by(entry):
                registry.adopt(file, entry, ProcessId.of(os.getpid()))
            else:
                if entry:
                    _end(entry)
                entry = self._start(file, path, wanted)
        assert entry.process
        return Endpoint(f"http://127.0.0.1:{entry.port}/v1", entry.api_key, entry.process.pid)

    def _unload(self, path: Path) -> bool:
        file = registry.entry_file(self.run_dir, path)
        if not file.exists():
            return False
        with self._locked(file, path):
            entry = registry.read(file)
            was_serving = bool(entry and entry.is_serving)
            if entry:
                _end(entry)
            file.unlink(missing_ok=True)
        _reap_children()
        return was_serving

    @contextlib.contextmanager
    def _locked(self, file: Path, path: Path) -> Iterator[None]:
        try:
            with registry.locked(file, timeout_s=self.start_within_s + END_WITHIN_S):
                yield
        except TimeoutError as error:
            raise EngineError(_("%(name)s is still being started. Try again in a moment.") % {"name": path.name}) from error

    def _start(self, file: Path, path: Path, wanted: Wanted) -> Entry:
        info = read_header(path)
        if not wanted.despite_memory and not wanted.gpu_layers:  # what goes to the GPU does not count against this memory
            self.check_fits(path, context_length=wanted.context_length)
        owner = ProcessId.of(os.getpid())
        context_length = self._context_length(info, wanted.context_length)
        entry = Entry(str(path), secrets.token_urlsafe(24), context_length, owners=(owner,), gpu_layers=wanted.gpu_layers)
        registry.write(file, entry)
        child = self._spawn(file, info, entry)
        try:
            port = self._wait_until_it_answers(child, file, path)
        except EngineError:
            child.kill()
            child.wait()
            file.unlink(missing_ok=True)
            raise
        entry = replace(entry, process=ProcessId.of(child.pid), port=port)
        registry.write(file, entry)
        return entry

    def _spawn(self, file: Path, info: GgufInfo, entry: Entry) -> subprocess.Popen[bytes]:
        file.with_suffix(".port").unlink(missing_ok=True)
        command = [sys.executable, "-m", "apps.providers.engine.server", entry.path]
        command += ["--port-file", str(file.with_suffix(".port")), "--entry", str(file), "--alias", info.path.stem]
        command += ["--idle-s", str(self.idle_s), "--threads", str(self.threads), "--slots", str(self.slots)]
        command += ["--context", str(entry.context_length), *(["--embedding"] if info.is_embedding else [])]
        command += [] if entry.gpu_layers is None else ["--gpu-layers", str(entry.gpu_layers)]
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        with file.with_suffix(".log").open("wb") as log:
            child = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={**environment, KEY_VARIABLE: entry.api_key},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal of the web server must not end it in mid-answer
            )
        _children[child.pid] = child
        return child

    def _wait_until_it_answers(self, child: subprocess.Popen[bytes], file: Path, path: Path) -> int:
        port_file, deadline = file.with_suffix(".port"), time.monotonic() + self.start_within_s
        while time.monotonic() < deadline:
            if child.poll() is not None:
                raise EngineError(
                    _("The engine could not load %(name)s: %(cause)s")
                    % {"name": path.name, "cause": _last_words(file.with_suffix(".log")) or child.returncode}
                )
            if not file.exists():
                raise EngineError(_("Loading %(name)s was given up.") % {"name": path.name})
            if port_file.exists() and _answers(port := int(port_file.read_text())):
                return port
            time.sleep(LOOK_EVERY_S)
        raise EngineError(
            _("%(name)s did not get ready within %(seconds)d seconds.") % {"name": path.name, "seconds": self.start_within_s}
        )

    def _context_length(self, info: GgufInfo, asked: int | None) -> int:
        longest = info.context_length or self.default_context_length
        return min(longest, asked or self.default_context_length)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _end(entry: Entry) -> None:
    """Asks the process to end, and kills it when it does not."""
    if not (entry.process and entry.process.is_alive):
        return
    for name, wait_s in ((signal.SIGTERM, END_WITHIN_S), (signal.SIGKILL, END_WITHIN_S)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(entry.process.pid, name)
        deadline = time.monotonic() + wait_s
        while entry.process.is_alive and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY_S)


def _reap_children() -> None:
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            _children.pop(pid, None)


def _state(entry: Entry) -> EngineState | None:
    assert entry.process
    try:
        memory_bytes = psutil.Process(entry.process.pid).memory_info().rss
    except psutil.NoSuchProcess:
        return None
    return EngineState(Path(entry.path), entry.process.pid, memory_bytes, entry.process.started_at, entry.context_length)


def _last_words(log: Path) -> str:
    """The last error lines of llama.cpp, without its time stamps."""
    lines = [line.partition(" E ")[2] or line for line in log.read_text(errors="replace").splitlines()]
    errors = [line.strip() for line in lines if "error" in line.lower() and "RuntimeError" not in line]
    return "; ".join(dict.fromkeys(errors[-LAST_WORDS:] or [line.strip() for line in lines[-1:]]))


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.1f} GB" if size_bytes >= 2**30 else f"{size_bytes / 2**20:.0f} MB"
