"""Asking a vendor one question about an account: through the guarded door, once, with failures told as ours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.utils import timezone

from apps.common.http import TRANSPORT_ERRORS, make_client
from apps.common.said import gettext as _
from apps.providers.adapters.base import Call, TimedBytes, transport_failure
from apps.providers.adapters.reading import Source, read_json
from apps.providers.adapters.sending import refusal, send
from apps.providers.contract import Connection
from apps.providers.errors import MalformedAnswer

ASK_WITHIN_S = 30.0
MOST_MONEY = Decimal(10) ** 11


@dataclass(frozen=True, slots=True)
class Balance:
    """What a vendor tells of an account, in `currency`; None is what it does not tell.

    `left` can be below zero. `spent` is what the vendor counts since the first of the month in UTC.
    """

    left: Decimal | None = None
    limit: Decimal | None = None
    spent: Decimal | None = None
    currency: str = "USD"


async def ask(connection: Connection, url: str, *, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object there. The key goes as a bearer, or in `headers` where these are given. Raises ProviderError."""
    call = Call(connection, total_timeout_s=ASK_WITHIN_S, max_attempts=1)
    client = make_client(allow_private=connection.allow_private, private_hosts=settings.ORQ_PRIVATE_HOSTS)
    name = connection.name or urlsplit(url).hostname or url
    async with client:
        sent = {"accept": "application/json", **(headers or {"authorization": f"Bearer {connection.api_key}"})}
        request = client.build_request("GET", url, headers=sent, timeout=httpx.Timeout(ASK_WITHIN_S))
        async with aclosing(await send(client, request, call, name=name)) as response:
            if not response.is_success:
                raise await refusal(response, call, name=name, secret=connection.api_key)
            source = Source(name=name, url=url, secret=connection.api_key, headers=response.headers)
            try:
                answer = await read_json(TimedBytes(response, call, no_content_timeout_s=math.inf), source)
            except TRANSPORT_ERRORS as error:
                raise transport_failure(error, name=name, has_begun=True) from error
    if not isinstance(answer, dict):
        raise not_understood(connection)
    return answer


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def money(value: Any, connection: Connection) -> Decimal:
    """An amount as the vendor writes it, text or number. Raises MalformedAnswer for what is none."""
    try:
        amount = Decimal(str(value)) if isinstance(value, str | int | float) and not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or abs(amount) > MOST_MONEY:
        raise not_understood(connection)
    return amount


def part(answer: Mapping[str, Any], name: str, connection: Connection) -> dict[str, Any]:
    found = answer.get(name)
    if not isinstance(found, dict):
        raise not_understood(connection)
    return found


def not_understood(connection: Connection) -> MalformedAnswer:
    return MalformedAnswer(_("%s told its balance in a way that is not known here.") % connection.name)


def month_began() -> datetime:
    """The first moment of this month in UTC, as vendors count it."""
    return timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
