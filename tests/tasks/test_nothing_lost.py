"""Kills every process of the worker at random moments and starts it again: all is finished, no finished call repeated."""

from __future__ import annotations

import collections
import json
import random
import time
from pathlib import Path

import pytest

from tests.servers.aimock import Aimock
from tests.tasks.orchestra import IS_CHECK, IS_PLAN, IS_SETTLE, IS_WORK, line, plan, playing, ruling, verdict
from tests.tasks.outside import Product

KILLS = 30
TASKS = 10
SLOW = {"latency": 350}  # ms before an answer, so that a kill finds calls under way


def key_of(model: str, messages: list[dict]) -> str:
    return json.dumps([model, [[message["role"], message["content"]] for message in messages]], ensure_ascii=False)


def wait_for_a_request(orchestra: Aimock) -> None:
    """Until the worker that was just started asks an AI something."""
    before, deadline = len(orchestra.journal()), time.monotonic() + 60
    while len(orchestra.journal()) == before:
        assert time.monotonic() < deadline, "the worker asked nothing for a minute"
        time.sleep(0.02)


@pytest.mark.slow_start
def test_thirty_kills_lose_nothing_and_repeat_no_finished_call(tmp_path: Path) -> None:
    steps = plan(("Left", ()), ("Right", ()), ("Both", (1, 2)))
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    lines = (
        line(IS_SETTLE, ruling("A"), **SLOW),
        line(IS_CHECK, verdict(10, "42"), **SLOW),
        line(IS_WORK, "41", **SLOW),
        line(IS_PLAN, steps, **SLOW),
    )
    with playing(*lines) as orchestra:
        product = Product(tmp_path / "home")
        product.do("make", url=orchestra.url, descriptions=[f"Task {n}" for n in range(TASKS)])
        kills = 0
        while kills < KILLS:
            product.start_worker()
            wait_for_a_request(orchestra)
            time.sleep(chance.uniform(0.0, 1.2))  # the moment of the kill is the test's own random input
            product.kill_worker()
            kills += 1
        unfinished = sum(task["status"] != "completed" for task in product.do("look")["tasks"])
        product.start_worker()
        seen = product.wait_for("completed", timeout_s=120)
        product.stop_worker()
        asked = collections.Counter(
            key_of(entry["body"]["model"], entry["body"]["messages"]) for entry in orchestra.journal() if entry.get("body")
        )
    lost = collections.Counter(key_of(c["model_name"], c["request"]) for c in seen["calls"] if c["error_code"] == "lost")
    done = collections.Counter(key_of(c["model_name"], c["request"]) for c in seen["calls"] if c["status"] == "done")
    repeated = {key: times for key, times in asked.items() if times > 1}
    unexplained = {key: times for key, times in asked.items() if times > 1 + lost[key]}
    print(
        f"\nseed {seed}: {kills} kills, {unfinished} of {TASKS} tasks unfinished at the last; calls answered and stored "
        f"{len(done)}, upstream requests {sum(asked.values())}, repeated because the answer had not been stored "
        f"{sum(repeated.values()) - len(repeated)}, repeated although stored {len(unexplained)}"
    )
    assert all(task["result"] == "41" or task["result"] == "42" for task in seen["tasks"])
    assert set(done.values()) == {1}
    assert not unexplained
    assert kills == KILLS
