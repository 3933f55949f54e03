"""DeepSeek: GET /user/balance, with the ordinary key. One entry for each currency."""

from __future__ import annotations

from apps.providers.balances.asking import Balance, ask, money, not_understood, origin
from apps.providers.contract import Connection


async def balance(connection: Connection) -> Balance:
    answer = await ask(connection, f"{origin(connection.base_url)}/user/balance")
    infos = answer.get("balance_infos")
    entries = [one for one in infos if isinstance(one, dict)] if isinstance(infos, list) else []
    if not entries:
        raise not_understood(connection)
    entry = next((one for one in entries if one.get("currency") == "USD"), entries[0])
    return Balance(left=money(entry.get("total_balance"), connection), currency=str(entry.get("currency") or "USD")[:3])
