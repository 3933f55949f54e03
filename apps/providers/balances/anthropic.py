"""Anthropic: no balance. GET /organizations/cost_report tells what was spent, day by day, to an administrator's key alone.

Such keys begin with sk-ant-admin. Amounts are hundredths of a dollar, as text. Calls of the Priority Tier are not in it.
"""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlencode

from apps.providers.balances.asking import Balance, ask, money, month_began, not_understood
from apps.providers.contract import Connection

BASE_URL = "https://api.anthropic.com/v1"
VERSION = "2023-06-01"
CENTS = Decimal(100)
DAYS = 31
MOST_PAGES = 10


async def balance(connection: Connection) -> Balance:
    given: dict[str, int | str] = {"starting_at": month_began().strftime("%Y-%m-%dT%H:%M:%SZ"), "limit": DAYS}
    headers = {"x-api-key": connection.api_key, "anthropic-version": VERSION}
    spent = Decimal(0)
    for _page in range(MOST_PAGES):
        url = f"{connection.base_url or BASE_URL}/organizations/cost_report?{urlencode(given)}"
        answer = await ask(connection, url, headers=headers)
        days = answer.get("data")
        if not isinstance(days, list) or not all(isinstance(day, dict) and isinstance(day.get("results"), list) for day in days):
            raise not_understood(connection)
        spent += sum((money(one.get("amount"), connection) for day in days for one in day["results"]), Decimal(0))
        if not answer.get("has_more"):
            return Balance(spent=spent / CENTS)
        given["page"] = str(answer.get("next_page") or "")
    raise not_understood(connection)
