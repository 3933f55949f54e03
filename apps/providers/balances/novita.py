"""Novita: GET /openapi/v1/billing/balance/detail, with the ordinary key. Amounts are ten-thousandths of a dollar, as text."""

from __future__ import annotations

from decimal import Decimal

from apps.providers.balances.asking import Balance, ask, money, origin
from apps.providers.contract import Connection

PER_DOLLAR = Decimal(10_000)


async def balance(connection: Connection) -> Balance:
    answer = await ask(connection, f"{origin(connection.base_url)}/openapi/v1/billing/balance/detail")
    left = money(answer.get("availableBalance"), connection) / PER_DOLLAR
    limit = answer.get("creditLimit")
    return Balance(left=left, limit=None if limit is None else money(limit, connection) / PER_DOLLAR)
