"""The embedded broker: kombu's file system transport, with every file appearing whole or not at all.

kombu's own creates a file first and fills it afterwards; a reader that comes in between gets an empty message and its
worker dies of it (seen with twenty tasks at once). Here files are written aside and renamed into place, which is atomic.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.transport.filesystem import exchange_queue_t
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps, loads

SCHEME = "orqfiles"
TRANSPORT_ALIASES[SCHEME] = "orquestrador.filebroker:Transport"


class Channel(filesystem.Channel):
    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:  # type: ignore[override]  # kombu itself disagrees on names
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}.{queue}.msg"
        _appear(Path(self.data_folder_out) / name, dumps(payload))

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        """The oldest message of `queue`, which is ours as soon as it has left the folder; raises Empty."""
        for name in sorted(os.listdir(self.data_folder_in)):
            if name.partition(".")[2] == f"{queue}.msg":
                taken = Path(self.processed_folder) / name
                try:
                    os.rename(Path(self.data_folder_in) / name, taken)
                except FileNotFoundError:
                    continue  # another worker was quicker
                payload = taken.read_bytes()
                taken.unlink()
                return loads(bytes_to_str(payload))
        raise Empty

    def get_table(self, exchange: str) -> list[exchange_queue_t]:
        try:
            return [exchange_queue_t(*row) for row in loads(self._exchange_file(exchange).read_text())]
        except FileNotFoundError:
            return []

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        binding = exchange_queue_t(routing_key or "", pattern or "", queue or "")
        with self._only_writer():
            table = self.get_table(exchange)
            if binding not in table:
                _appear(self._exchange_file(exchange), dumps([binding, *table]))

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        self.control_folder.mkdir(parents=True, exist_ok=True)
        with open(self.control_folder / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Transport(filesystem.Transport):
    Channel = Channel


def _appear(path: Path, text: str) -> None:
    draft = path.with_name(f".{uuid.uuid4()}")  # no reader looks at names that begin with a dot
    draft.write_text(text)
    os.replace(draft, path)
