"""Trials at servers that follow a script, carried out by a worker in a thread of its own, as Celery's threads are."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections

from apps.accounts.actor import Actor
from apps.providers.models import AIModel
from apps.providers.trials.worker import TrialWorker
from tests.providers.rows import make_model, make_provider
from tests.servers.bytes_server import DONE, SSE, BytesServer, event, reply, words

PATIENCE_S = 15


def spoken(*pieces: Any, tokens: int = 30) -> tuple:
    """A stream of these pieces of text (numbers are waits), whole."""
    steps = [event(words(piece)) if isinstance(piece, str) else piece for piece in pieces]
    usage = {"choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": tokens}}
    return reply(SSE, *steps, event(words(finish="stop")), event(usage), DONE)


def model_at(actor: Actor, server: BytesServer, **more: Any) -> AIModel:
    """A model of a provider at this server, whose prices are one dollar for a million tokens, in and out."""
    provider = make_provider(actor, base_url=server.url)
    provider.allows_private_address = True
    provider.save()
    return make_model(actor, provider, price_input=1, price_output=1, **more)


async def in_db(fn: Any, *args: Any, **kwargs: Any) -> Any:
    return await sync_to_async(fn, thread_sensitive=True)(*args, **kwargs)


def start(worker: TrialWorker) -> asyncio.Task:
    """Let the worker do all that waits, in a thread."""

    def work() -> int:
        try:
            return worker.work()
        finally:
            connections.close_all()

    return asyncio.create_task(asyncio.to_thread(work))


async def until(fn: Any) -> Any:
    """What `fn` gives as soon as it is true."""
    give_up_at = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_at:
        if found := await in_db(fn):
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that in time")


def question_of(request: Any) -> str:
    """The question that a server was asked."""
    return json.loads(request.body)["messages"][-1]["content"]
