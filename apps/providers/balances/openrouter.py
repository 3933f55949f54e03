"""OpenRouter: GET /credits tells of the account, to a management key alone; GET /key tells any key of its own limit."""

from __future__ import annotations

from typing import Any

from apps.providers.balances.asking import Balance, ask, money, part
from apps.providers.contract import Connection
from apps.providers.errors import AuthenticationFailed


async def balance(connection: Connection) -> Balance:
    """Of the account; with an ordinary key, what is left of that key's limit, which it need not have."""
    try:
        credits = part(await ask(connection, f"{connection.base_url}/credits"), "data", connection)
    except AuthenticationFailed:
        return await _of_the_key(connection)
    bought, used = money(credits.get("total_credits"), connection), money(credits.get("total_usage"), connection)
    return Balance(left=bought - used)


async def key(connection: Connection) -> dict[str, Any]:
    """What it says of the key; AuthenticationFailed when it is not good. Its list of models is open to anybody."""
    return part(await ask(connection, f"{connection.base_url}/key"), "data", connection)


async def _of_the_key(connection: Connection) -> Balance:
    about = await key(connection)
    left, limit, spent = (about.get(name) for name in ("limit_remaining", "limit", "usage_monthly"))
    return Balance(
        left=None if left is None else money(left, connection),
        limit=None if limit is None else money(limit, connection),
        spent=None if spent is None else money(spent, connection),
    )
