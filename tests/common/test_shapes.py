"""Stored JSON becomes dataclasses again, also where many threads meet a shape for the first time at once."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from apps.common.shapes import converted

ROOT = Path(__file__).resolve().parents[2]
MANY_AT_ONCE = """
import dataclasses, sys, threading
from apps.common.shapes import converted

sys.setswitchinterval(1e-6)
for n in range(200):
    inner = dataclasses.make_dataclass(f"Inner{n}", [(f"a{i}", "int | None", None) for i in range(20)])
    shape = dataclasses.make_dataclass(f"Outer{n}", [("inner", inner), *[(f"b{i}", "str | None", None) for i in range(20)]])
    gate, found = threading.Barrier(8), []

    def use():
        gate.wait()
        found.append(converted({"inner": {"a1": n}}, shape))

    threads = [threading.Thread(target=use) for _ in range(8)]
    [thread.start() for thread in threads], [thread.join() for thread in threads]
    assert found == [shape(inner(a1=n))] * 8
print("all whole")
"""


@dataclass(frozen=True)
class Step:
    name: str
    order: int = 0


def test_what_was_stored_comes_back_with_numbers_that_were_written_as_texts():
    assert converted([{"name": "sum", "order": "3"}], tuple[Step, ...]) == (Step("sum", 3),)


def test_what_does_not_fit_is_refused():
    with pytest.raises(msgspec.ValidationError, match="name"):
        converted({"order": 1}, Step)


def test_many_threads_that_meet_a_shape_at_once_do_not_end_the_process():
    done = subprocess.run([sys.executable, "-c", MANY_AT_ONCE], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "all whole"), done.stderr
