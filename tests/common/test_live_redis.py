"""Live messages over Redis, as between machines: order, another process, and Redis that was away."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.common import wires
from apps.common.wires import LayerWire
from tests.servers.services import Server, new_redis, running

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0


def until(claim: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def redis() -> Iterator[Server]:
    with running(new_redis()) as server:
        yield server


@pytest.fixture
def wire(redis: Server, settings: Any) -> Iterator[LayerWire]:
    settings.CHANNEL_LAYERS = {
        "default": {"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {"hosts": [redis.url]}}
    }
    made = LayerWire()
    yield made
    made.close()


def listening(wire: LayerWire) -> tuple[list[bytes], list[None]]:
    """What comes, and the gaps. Returns once the wire hears itself."""
    got: list[bytes] = []
    gaps: list[None] = []
    wire.listen(got.append, lambda: gaps.append(None))

    def heard() -> bool:
        wire.send(b"is anybody there", hints=())
        time.sleep(0.05)
        return bool(got)

    until(heard)
    wire.send(b"the last of these", hints=())
    until(lambda: got[-1] == b"the last of these")
    got.clear()
    return got, gaps


def test_it_brings_messages_in_order(wire: LayerWire) -> None:
    got, _ = listening(wire)
    for number in range(300):
        wire.send(b"%d" % number, hints=())
    until(lambda: len(got) == 300)
    assert got == [b"%d" % number for number in range(300)]


def test_another_process_reaches_this_one(wire: LayerWire, redis: Server) -> None:
    got, _ = listening(wire)
    script = f"""
        from django.conf import settings
        layer = {{"BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer", "CONFIG": {{"hosts": [{redis.url!r}]}}}}
        settings.configure(CHANNEL_LAYERS={{"default": layer}})
        from apps.common.wires import LayerWire
        wire = LayerWire()
        wire.send(b"from outside", hints=())
        wire.close()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, cwd=ROOT, timeout=PATIENCE_S)
    until(lambda: got == [b"from outside"])


def test_while_redis_is_away_nobody_waits_and_afterwards_a_hint_comes(
    wire: LayerWire, redis: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wires, "RETRY_S", 0.1)
    monkeypatch.setattr(wires, "HEARTBEAT_S", 0.2)
    got, gaps = listening(wire)
    redis.stop()
    started = time.monotonic()
    for number in range(50):
        wire.send(b"%d" % number, hints=(b"hint",))
    assert time.monotonic() - started < 0.5
    redis.start()
    until(lambda: b"hint" in got or gaps)
    wire.send(b"again", hints=())
    until(lambda: b"again" in got)
