"""A file that is too large is refused while it comes, however its length was told."""

from __future__ import annotations

import json
import re

import pytest
from django.urls import reverse

from apps.common.uploads import AROUND_BYTES, UploadLimits
from orquestrador.uploads import FILES

MOST, MOST_ELSEWHERE = 20 * 2**20, 30 * 2**20
PIECE = bytes(2**16)


class Client:
    """Sends `pieces` pieces of a body, and keeps how many were asked for and what was answered."""

    def __init__(self, pieces: int, *, told: int | None = None, **headers: str) -> None:
        self.pieces, self.taken, self.answers = pieces, 0, []
        self.headers = [] if told is None else [(b"content-length", str(told).encode())]
        self.headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def receive(self) -> dict:
        self.taken += 1
        return {"type": "http.request", "body": PIECE, "more_body": self.taken < self.pieces}

    async def send(self, event: dict) -> None:
        self.answers.append(event)

    async def upload(self, path: str = "/files/") -> None:
        scope = {"type": "http", "method": "POST", "path": path, "headers": self.headers}
        await UploadLimits(reads_all, {"/files/": MOST}, otherwise=MOST_ELSEWHERE)(scope, self.receive, self.send)

    @property
    def status(self) -> int:
        return self.answers[0]["status"]


async def reads_all(scope, receive, send) -> None:
    while (event := await receive()).get("more_body"):
        pass
    if event["type"] == "http.request":
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b""})


@pytest.mark.asyncio
async def test_a_file_of_200_mb_is_refused_before_any_of_it_is_read():
    client = Client(3200, told=200 * 2**20)
    await client.upload()
    assert client.status == 413 and client.taken == 0
    assert json.loads(client.answers[1]["body"])["code"] == "file_too_large"
    assert (b"connection", b"close") in client.answers[0]["headers"]


@pytest.mark.asyncio
@pytest.mark.parametrize("told", [None, 10])
async def test_one_that_tells_no_length_or_a_wrong_one_is_stopped_at_the_limit(told):
    client = Client(3200, told=told)
    await client.upload()
    assert client.status == 413
    assert client.taken * len(PIECE) <= MOST + AROUND_BYTES + len(PIECE)


@pytest.mark.asyncio
async def test_what_is_within_the_limit_passes():
    client = Client(300, told=300 * len(PIECE))
    await client.upload()
    assert client.status == 201 and client.taken == 300


@pytest.mark.asyncio
@pytest.mark.parametrize("told", [None, 10, 40 * 2**20])
async def test_whatever_is_sent_elsewhere_has_a_limit_too(told):
    client = Client(400)
    await client.upload("/elsewhere/")
    assert client.status == 201 and client.taken == 400
    client = Client(640, told=told)
    await client.upload("/elsewhere/")
    assert client.status == 413 and json.loads(client.answers[1]["body"])["code"] == "too_large"


@pytest.mark.asyncio
async def test_a_browser_that_sends_a_little_too_much_is_heard_to_the_end_and_shown_a_page_in_its_language():
    client = Client(330, told=330 * len(PIECE), accept="text/html,*/*;q=0.8", accept_language="pt-BR")
    await client.upload()
    assert client.status == 413 and client.taken == 330
    page = client.answers[1]["body"].decode()
    assert '<html lang="pt-br"' in page and "Este arquivo" in page and "data-problem" in page


def test_every_address_that_takes_a_file_has_its_limit():
    """What Django answers where a file is too large is only a page with words: by then the file is on the disk."""
    for view in ("providers:prices_import", "providers:specialized_import", "tasks:rules_import", "knowledge:templates_import"):
        path = reverse(view)
        assert any(re.fullmatch(pattern, path) for pattern in FILES), path
