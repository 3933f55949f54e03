"""The embedded broker, used by many at once."""

from __future__ import annotations

import threading
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

from orquestrador.filebroker import SCHEME

MANY = 300


@pytest.fixture
def options(tmp_path: Path) -> dict[str, str]:
    folders = {name: tmp_path / name for name in ("queue", "control", "done")}
    for folder in folders.values():
        folder.mkdir()
    return {
        "data_folder_in": str(folders["queue"]),
        "data_folder_out": str(folders["queue"]),
        "control_folder": str(folders["control"]),
        "processed_folder": str(folders["done"]),
    }


def connect(options: dict[str, str]) -> Connection:
    return Connection(f"{SCHEME}://localhost//", transport_options=options)


def at_once(*works) -> None:
    """Runs them in threads; an error in one of them is raised here."""
    errors: list[BaseException] = []

    def guarded(work) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_each_message_is_taken_once_and_whole_while_others_are_written(options) -> None:
    taken: list[int] = []

    def write(first: int) -> None:
        with connect(options) as connection, connection.channel() as channel:
            for number in range(first, first + MANY):
                channel._put("work", {"body": number, "padding": "x" * 5_000})

    def take() -> None:
        with connect(options) as connection, connection.channel() as channel:
            while len(taken) < 2 * MANY:
                try:
                    taken.append(channel._get("work")["body"])
                except Empty:
                    continue

    at_once(lambda: write(0), lambda: write(MANY), take, take)
    assert sorted(taken) == list(range(2 * MANY))


def test_two_that_bind_at_once_are_both_bound(options) -> None:
    def bind(number: int) -> None:
        with connect(options) as connection, connection.channel() as channel:
            channel._queue_bind("celery", f"key-{number}", "", f"queue-{number}")
            assert channel.get_table("celery")

    at_once(*[lambda number=number: bind(number) for number in range(20)])
    with connect(options) as connection, connection.channel() as channel:
        assert len(channel.get_table("celery")) == 20


def test_an_empty_queue_says_so(options) -> None:
    with connect(options) as connection, connection.channel() as channel, pytest.raises(Empty):
        channel._get("work")
