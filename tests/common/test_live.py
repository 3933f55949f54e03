"""Live messages between processes: what arrives, what is replaced by a hint, and whom nobody waits for."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from apps.common import live, wires
from apps.common.hub import Hub, Listener, _readers
from apps.common.live import LiveMessage
from apps.common.wires import UnixWire

PATIENCE_S = 5.0


@pytest.fixture
def wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UnixWire]:
    made = UnixWire(tmp_path / "live")
    monkeypatch.setattr(live, "_wire", lambda: made)
    yield made
    made.close()


def until(claim: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not claim():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


async def heard(listener: Listener) -> dict:
    return json.loads(await asyncio.wait_for(listener.next(), PATIENCE_S))


def data_of(message: dict) -> dict:
    return message["data"]


async def test_it_brings_a_message_to_those_who_listen_to_its_topic_alone(wire: UnixWire) -> None:
    hub, mine, other = Hub(), Listener(), Listener()
    hub.subscribe(mine, "task:1")
    hub.subscribe(other, "task:2")
    live.publish("task:1", "task:update", {"event": "status", "n": 1})
    live.publish("task:2", "task:update", {"event": "status", "n": 2})
    assert await heard(mine) == {"type": "task:update", "data": {"event": "status", "n": 1}}
    assert data_of(await heard(other))["n"] == 2


async def test_it_keeps_the_order_of_a_thousand_messages_from_one_publisher(wire: UnixWire) -> None:
    hub, listener = Hub(), Listener(waiting_at_most=2_000)
    hub.subscribe(listener, "task:1")
    await asyncio.to_thread(lambda: [live.publish("task:1", "task:update", {"n": n}) for n in range(1_000)])
    assert [data_of(await heard(listener))["n"] for _ in range(1_000)] == list(range(1_000))


async def test_what_is_told_together_arrives_in_order_at_whom_it_is_for(wire: UnixWire, monkeypatch: pytest.MonkeyPatch) -> None:
    hub, mine, other, turns = Hub(), Listener(), Listener(), []
    hub.subscribe(mine, "task:1")
    hub.subscribe(other, "task:2")
    sending = wire.send
    monkeypatch.setattr(wire, "send", lambda packed, *, hints: (turns.append(hints), sending(packed, hints=hints)))
    live.publish_together(LiveMessage.of(f"task:{n % 2 + 1}", "task:update", {"n": n, "é": "😀"}) for n in range(6))
    assert [data_of(await heard(mine))["n"] for _ in range(3)] == [0, 2, 4]
    assert [data_of(await heard(other))["n"] for _ in range(3)] == [1, 3, 5]
    assert [len(hints) for hints in turns] == [2]


async def test_more_than_fits_into_one_turn_takes_several(wire: UnixWire) -> None:
    hub, listener = Hub(), Listener()
    hub.subscribe(listener, "task:1")
    size = live.MAX_MESSAGE_BYTES // 3
    live.publish_together(LiveMessage.of("task:1", "task:update", {"n": n, "text": "x" * size}) for n in range(5))
    assert [data_of(await heard(listener))["n"] for _ in range(5)] == list(range(5))


def test_a_hint_that_is_owed_is_owed_until_it_got_through(wire: UnixWire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "CATCH_UP_S", 0.01)
    monkeypatch.setattr(wires, "PATIENCE_S", 0.01)
    address = str(wire.folder / "1.abcdef.sock")
    inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    inbox.bind(address)
    while address not in wire._behind:  # until its queue is full
        wire.send(b"t x\nfill", hints=(b"t x\nhint 1", b"t x\nhint 2"))
    until(lambda: wire._behind.get(address) == {b"t x\nhint 1", b"t x\nhint 2"})
    time.sleep(0.05)  # it tries again and again, in vain
    assert wire._behind[address] == {b"t x\nhint 1", b"t x\nhint 2"}
    inbox.settimeout(PATIENCE_S)
    got = set()
    while len(got) < 2:
        got |= {packed for packed in [inbox.recv(1_000)] if b"hint" in packed}
    until(lambda: not wire._behind)
    inbox.close()


async def test_another_process_reaches_this_one(wire: UnixWire, tmp_path: Path) -> None:
    hub, listener = Hub(), Listener()
    hub.subscribe(listener, "task:1")
    script = f"""
        from pathlib import Path
        from apps.common.wires import UnixWire
        UnixWire(Path({str(tmp_path / "live")!r})).send(b'task:1 task:update\\n{{"type": "from outside"}}', hints=())
    """
    await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", textwrap.dedent(script)], check=True, cwd=Path(live.__file__).parents[2]
    )
    assert await heard(listener) == {"type": "from outside"}


def test_without_listeners_nothing_happens(wire: UnixWire) -> None:
    live.publish("task:1", "task:update", {"n": 1})


def test_the_socket_of_a_process_that_is_gone_is_removed(wire: UnixWire) -> None:
    path = wire.folder / "1.dead.sock"
    dead = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    dead.bind(str(path))
    dead.close()
    live.publish("task:1", "task:update", {"n": 1})
    assert not path.exists()


async def test_too_large_a_message_becomes_a_hint_to_read_again(wire: UnixWire) -> None:
    hub, listener = Hub(), Listener()
    hub.subscribe(listener, "task:1")
    live.publish("task:1", "task:update", {"event": "text", "delta": "é" * live.MAX_MESSAGE_BYTES})
    assert await heard(listener) == {"type": "task:update", "data": {"event": "reload", "topic": "task:1"}}


def test_a_process_that_does_not_read_delays_the_sender_once_and_gets_a_hint_later(wire: UnixWire) -> None:
    stuck = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    stuck.bind(str(wire.folder / "1.stuck.sock"))
    stuck.settimeout(PATIENCE_S)
    started = time.monotonic()
    for n in range(200):
        live.publish("task:1", "task:update", {"event": "text", "n": n})
    assert time.monotonic() - started < 0.5
    got: list[dict] = []

    def hint_has_come() -> bool:
        got.append(json.loads(LiveMessage.unpacked(stuck.recv(wires.BUFFER_BYTES)).text))
        return data_of(got[-1])["event"] == "reload"

    until(hint_has_come)
    until(lambda: not wire._behind)
    live.publish("task:1", "task:update", {"event": "text", "n": 999})
    until(lambda: data_of(json.loads(LiveMessage.unpacked(stuck.recv(wires.BUFFER_BYTES)).text)).get("n") == 999)
    stuck.close()


async def test_a_slow_socket_loses_what_is_too_much_and_is_told_to_read_again(wire: UnixWire) -> None:
    slow, quick = Listener(waiting_at_most=3), Listener()
    for listener in (slow, quick):
        for n in range(10):
            listener.put(LiveMessage.of("task:1", "task:update", {"n": n}))
    assert [data_of(await heard(slow)).get("n") for _ in range(3)] == [0, 1, 2]
    assert data_of(await heard(slow)) == {"event": "reload", "topic": "task:1"}
    assert [data_of(await heard(quick))["n"] for _ in range(10)] == list(range(10))
    slow.put(LiveMessage.of("task:1", "task:update", {"n": 11}))
    assert data_of(await heard(slow))["n"] == 11


async def test_who_leaves_hears_no_more(wire: UnixWire) -> None:
    hub, gone, there = Hub(), Listener(), Listener()
    for listener in (gone, there):
        hub.subscribe(listener, "task:1")
    hub.leave(gone)
    live.publish("task:1", "task:update", {"n": 1})
    await heard(there)
    assert not gone.topics and not gone._texts


def test_only_the_owner_of_the_files_may_send_and_read(wire: UnixWire) -> None:
    wire.listen(lambda packed: None, lambda: None)
    (inbox,) = wire.folder.iterdir()
    assert (wire.folder.stat().st_mode & 0o777, inbox.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_home_whose_path_is_too_long_for_sockets_gets_a_short_folder(tmp_path: Path) -> None:
    wire = UnixWire(tmp_path / ("long" * 40) / "run" / "live")
    got: list[bytes] = []
    wire.listen(got.append, lambda: None)
    wire.send(b"t x\n1", hints=())
    until(lambda: got == [b"t x\n1"])
    another = UnixWire(tmp_path / ("long" * 40) / "run" / "live")
    assert another.folder == wire.folder
    another.close()
    wire.close()
    assert not list(wire.folder.iterdir())
    wire.folder.rmdir()


async def test_a_reader_that_fails_costs_a_reload_and_not_the_thread(wire: UnixWire, monkeypatch: pytest.MonkeyPatch) -> None:
    def reader(topic: str, hints: list[dict]) -> list[LiveMessage]:
        return [LiveMessage.of(topic, "task:update", {"doubled": 2 * hint["n"]}) for hint in hints]

    monkeypatch.setitem(_readers, "task:changed", reader)
    hub, listener = Hub(), Listener()
    hub.subscribe(listener, "task:1")
    live.publish("task:1", "task:changed", {"wrong": 1})
    assert data_of(await heard(listener)) == {"event": "reload", "topic": "task:1"}
    live.publish("task:1", "task:changed", {"n": 4})
    assert data_of(await heard(listener)) == {"doubled": 8}


def test_a_hint_goes_past_the_readers(wire: UnixWire) -> None:
    got: list[bytes] = []
    wire.listen(got.append, lambda: None)
    live.publish("task:1", "task:changed", {"text": "x" * live.MAX_MESSAGE_BYTES})
    until(lambda: got)
    assert LiveMessage.unpacked(got[0]) == LiveMessage.reload("task:1", "task:update")


def test_values_of_the_database_need_no_preparation() -> None:
    import uuid
    from decimal import Decimal

    from django.utils import timezone
    from django.utils.translation import gettext_lazy

    message = LiveMessage.of(
        "task:1", "task:update", {"a": Decimal("1.50"), "b": timezone.now(), "c": uuid.uuid4(), "d": gettext_lazy("Yes")}
    )
    assert data_of(json.loads(message.text))["a"] == "1.50"
    assert LiveMessage.unpacked(message.packed()) == message


async def test_a_listener_that_sends_itself_needs_no_task_and_keeps_the_order_when_its_socket_is_slow() -> None:
    sent: list[int] = []
    free = asyncio.Event()

    async def send(text: str) -> None:
        await free.wait()
        sent.append(json.loads(text)["data"]["n"])

    before = asyncio.all_tasks()
    listener = Listener(send=send, waiting_at_most=3)
    free.set()
    for n in range(2):
        listener.put(LiveMessage.of("task:1", "task:update", {"n": n}))
    assert sent == [0, 1]
    free.clear()
    for n in range(2, 8):  # one is on its way, three wait, two are lost
        listener.put(LiveMessage.of("task:1", "task:update", {"n": n}))
    assert sent == [0, 1]
    assert asyncio.all_tasks() == before
    hints: list[str] = []

    async def send_anything(text: str) -> None:
        hints.append(json.loads(text)["data"].get("event", ""))

    listener._send = send_anything
    free.set()
    async with asyncio.timeout(PATIENCE_S):
        while "reload" not in hints:
            await asyncio.sleep(0.01)
    assert sent == [0, 1, 2]
    assert hints == ["", "", "", "reload"]


async def test_a_socket_that_is_gone_is_sent_nothing_more() -> None:
    tried = []

    async def send(text: str) -> None:
        tried.append(text)
        raise BrokenPipeError

    listener = Listener(send=send)
    for n in range(3):
        listener.put(LiveMessage.of("task:1", "task:update", {"n": n}))
    assert len(tried) == 1
