"""Keeps the parts of the product running in one terminal, and stops them together. Standard library only, a few MB."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from scripts import home
from scripts.logfile import LogFile, is_part_of_traceback, is_warning, without_time
from scripts.words import Stop, say, t

GRACE_S = 10.0
LONGEST_WAIT_S = 30.0
LIVED_WELL_S = 60.0  # after this long, a death is news and not a loop
REPEATED_AFTER_S = 60.0
SLOW_START_S = 30.0
PROBE_EVERY_S = 0.2
EARLY_DEATHS = 3  # of a part that was never well, before the start is given up


@dataclass
class Part:
    """One program: how to start it, and how it has fared."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    log: LogFile | None = None
    unread: bytes = b""
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=3))
    started_at: float = 0.0
    deaths: int = 0
    start_at: float | None = 0.0  # when it is due; None while it runs
    shown_at: dict[str, float] = field(default_factory=dict)  # message → when the terminal last showed it

    def is_news(self, line: str) -> bool:
        """False where the terminal showed the same, but for its time, less than a minute ago."""
        message, now = without_time(line), time.monotonic()
        self.shown_at = {text: at for text, at in self.shown_at.items() if now - at < REPEATED_AFTER_S}
        if message in self.shown_at:
            return False
        self.shown_at[message] = now
        return True


class Supervisor:
    """`run` returns when all has stopped: 0 when somebody asked for it.

    `is_ready` is asked in turns after each start until it says yes; then `announce` is called once.
    """

    def __init__(
        self, parts: list[Part], *, environment: dict[str, str], is_ready: Callable[[], bool], announce: Callable[[], None]
    ) -> None:
        self.parts = parts
        self.environment = environment
        self.is_ready = is_ready
        self.announce = announce
        self.is_announced = self.is_said_slow = False
        self.began_at = time.monotonic()
        self.probe_at = 0.0
        self.stops = 0
        self.selector = selectors.DefaultSelector()

    def run(self) -> int:
        self._hear_signals()
        try:
            while not self.stops:
                self._start_due()
                self._look(timeout_s=0.1 if not self.is_announced else 1.0)
                self._notice_deaths()
                self._announce_when_ready()
            say("Stopping …")
        finally:
            self._stop_all()
        say("Stopped.")
        return 0

    # ---- starting ----

    def _start_due(self) -> None:
        for part in self.parts:
            if part.start_at is not None and time.monotonic() >= part.start_at:
                self._start(part)

    def _start(self, part: Part) -> None:
        part.log = part.log or LogFile(home.LOGS / f"{part.name}.log")
        part.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.child", *part.command],
            cwd=home.ROOT,
            env={**self.environment, "ORQ_PARENT_PID": str(os.getpid()), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches this process alone, and a whole group can be ended
        )
        assert part.process.stdout is not None
        os.set_blocking(part.process.stdout.fileno(), False)
        self.selector.register(part.process.stdout, selectors.EVENT_READ, part)
        part.started_at, part.start_at = time.monotonic(), None
        part.last_lines.clear()
        home.write_pid(part.name, part.process.pid)

    def _announce_when_ready(self) -> None:
        now = time.monotonic()
        if self.is_announced or now < self.probe_at:
            return
        if self.is_ready():
            self.is_announced = True
            self.announce()
        elif not self.is_said_slow and now - self.began_at > SLOW_START_S:
            self.is_said_slow = True
            text = "After {seconds} s the product does not yet say that it is healthy. Its logs are in {folder}."
            say(text, seconds=round(SLOW_START_S), folder=home.LOGS)
        self.probe_at = time.monotonic() + PROBE_EVERY_S

    # ---- watching ----

    def _hear_signals(self) -> None:
        self._wake, wakes = socket.socketpair()
        self._wakes = wakes
        for end in (self._wake, wakes):
            end.setblocking(False)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        self.selector.register(self._wake, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup stays nohup
                signal.signal(number, self._ask_to_stop)

    def _ask_to_stop(self, number: int, frame: object) -> None:
        self.stops += 1

    def _look(self, timeout_s: float) -> None:
        """Waits until a part says something, a signal comes, or the time is over."""
        for key, _ in self.selector.select(timeout_s):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    self._wake.recv(4096)
            else:
                self._hear(key.data)

    def _hear(self, part: Part) -> bool:
        """Takes in what the part has said. False when there is nothing more for now."""
        assert part.process is not None and part.process.stdout is not None
        pipe = part.process.stdout
        try:
            said = b"" if pipe.closed else os.read(pipe.fileno(), 65536)
        except BlockingIOError:
            return False
        *lines, part.unread = (part.unread + said).split(b"\n")
        if not said:
            lines, part.unread = ([part.unread] if part.unread else []), b""
            self._close(pipe)
        for line in lines:
            self._pass_on(part, line.decode(errors="replace"))
        return bool(said)

    def _close(self, pipe: IO[bytes]) -> None:
        if not pipe.closed:
            self.selector.unregister(pipe)
            pipe.close()

    def _pass_on(self, part: Part, line: str) -> None:
        assert part.log is not None
        part.log.write(line)
        if not is_part_of_traceback(line):
            part.last_lines.append(line)
        if is_warning(line) and part.is_news(line):
            with contextlib.suppress(OSError):  # the terminal may have gone
                print(f"[{part.name}] {line}", file=sys.stderr, flush=True)

    def _notice_deaths(self) -> None:
        for part in self.parts:
            if part.process is not None and part.process.poll() is not None:
                self._bury(part)
                self._plan_restart(part)

    def _plan_restart(self, part: Part) -> None:
        assert part.process is not None
        lived_s = time.monotonic() - part.started_at
        part.deaths = 1 if lived_s > LIVED_WELL_S else part.deaths + 1
        cause = _ending(part.process.returncode)
        part.process = None
        if not self.is_announced and part.deaths >= EARLY_DEATHS:
            text = "{name} did not start ({cause}). Its last words:\n{words}\nMore in {log}"
            words = "\n".join(f"  {line}" for line in part.last_lines)
            raise Stop(t(text, name=part.name, cause=cause, words=words, log=home.LOGS / f"{part.name}.log"))
        wait_s = min(LONGEST_WAIT_S, 2.0 ** (part.deaths - 1) / 2)
        part.start_at = time.monotonic() + wait_s
        say("{name} ended ({cause}); starting it again in {wait} s.", name=part.name, cause=cause, wait=f"{wait_s:g}")

    def _bury(self, part: Part) -> None:
        """Ends what it started itself and reads its last words."""
        assert part.process is not None and part.process.stdout is not None
        home.kill_group(part.process.pid)
        while self._hear(part):
            pass
        self._close(part.process.stdout)  # something that left the group may still hold the other end
        home.forget_pid(part.name)

    # ---- stopping ----

    def _stop_all(self) -> None:
        running = [part for part in self.parts if part.process is not None]
        for part in running:
            with contextlib.suppress(ProcessLookupError):
                assert part.process is not None
                part.process.terminate()
        deadline, asked_before = time.monotonic() + GRACE_S, self.stops
        while time.monotonic() < deadline and self.stops <= asked_before and any(_is_alive(part) for part in running):
            self._look(timeout_s=0.2)
        for part in running:
            if _is_alive(part):
                say("{name} did not end in time and is killed.", name=part.name)
            assert part.process is not None
            home.kill_group(part.process.pid)
            part.process.wait()
            self._bury(part)


def _is_alive(part: Part) -> bool:
    return part.process is not None and part.process.poll() is None


def _ending(status: int) -> str:
    if status < 0:
        with contextlib.suppress(ValueError):
            return t("killed by {signal}", signal=signal.Signals(-status).name)
    return t("exit status {status}", status=status)
