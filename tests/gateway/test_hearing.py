"""What one process changes about keys and budgets, the others know at once."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from asgiref.sync import sync_to_async

from apps.gateway import admission
from apps.gateway.hearing import hear_of_changes
from apps.providers.services import budget_create

in_thread = sync_to_async


async def test_a_new_budget_is_heard_of(actor, monkeypatch):
    heard = asyncio.Event()
    monkeypatch.setattr(admission, "forget", heard.set)
    hearing = asyncio.create_task(hear_of_changes())
    await asyncio.sleep(0)  # it has subscribed
    await in_thread(budget_create)(actor, scope="team", period="month", limit_usd=Decimal(10))
    async with asyncio.timeout(10):
        await heard.wait()
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
