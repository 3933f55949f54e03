"""A file that is too large is refused while it comes, however its length was told."""

from __future__ import annotations

import json

import pytest

from apps.common.uploads import AROUND_BYTES, UploadLimits

MOST = 20 * 2**20
PIECE = bytes(2**16)


class Client:
    """Sends `pieces` pieces of a body, and keeps how many were asked for and what was answered."""

    def __init__(self, pieces: int, *, told: int | None = None) -> None:
        self.pieces, self.taken, self.answers = pieces, 0, []
        self.headers = [] if told is None else [(b"content-length", str(told).encode())]

    async def receive(self) -> dict:
        self.taken += 1
        return {"type": "http.request", "body": PIECE, "more_body": self.taken < self.pieces}

    async def send(self, event: dict) -> None:
        self.answers.append(event)

    async def upload(self, path: str = "/files/") -> None:
        scope = {"type": "http", "path": path, "headers": self.headers}
        await UploadLimits(reads_all, {"/files/": MOST})(scope, self.receive, self.send)

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
async def test_other_addresses_are_let_alone():
    client = Client(400)
    await client.upload("/elsewhere/")
    assert client.status == 201 and client.taken == 400
