"""OpenAI: no balance. GET /organization/costs tells what was spent, day by day, to an administrator's key (sk-admin-) alone."""

from __future__ import annotations

from decimal import Decimal
from urllib.parse import urlencode

from apps.providers.balances.asking import Balance, ask, money, month_began, not_understood
from apps.providers.contract import Connection

BASE_URL = "https://api.openai.com/v1"
DAYS = 31
MOST_PAGES = 10


async def balance(connection: Connection) -> Balance:
    given: dict[str, int | str] = {"start_time": int(month_began().timestamp()), "bucket_width": "1d", "limit": DAYS}
    spent, currency = Decimal(0), "USD"
    for _page in range(MOST_PAGES):
        answer = await ask(connection, f"{connection.base_url or BASE_URL}/organization/costs?{urlencode(given)}")
        for day in _dicts(answer.get("data"), connection):
            for result in _dicts(day.get("results"), connection):
                amount = result.get("amount")
                if not isinstance(amount, dict):
                    raise not_understood(connection)
                spent += money(amount.get("value"), connection)
                currency = str(amount.get("currency") or currency).upper()[:3]
        if not answer.get("has_more"):
            return Balance(spent=spent, currency=currency)
        given["page"] = str(answer.get("next_page") or "")
    raise not_understood(connection)


def _dicts(rows: object, connection: Connection) -> list[dict]:
    """A list that is there: its absence must not read as having spent nothing."""
    if not isinstance(rows, list):
        raise not_understood(connection)
    return [row for row in rows if isinstance(row, dict)]
