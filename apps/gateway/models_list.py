"""GET /v1/models, as the clients of both vendors expect it."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from django.utils.translation import gettext as _

from apps.gateway.admission import Admitted, admit
from apps.gateway.dialects.base import Dialect, encode
from apps.gateway.dialects.chat import Chat
from apps.gateway.dialects.messages import Messages
from apps.gateway.errors import UnknownModel
from apps.gateway.flow import answered
from apps.gateway.names import catalogue_of, listed
from apps.gateway.wire import Exchange
from apps.providers.models import AIModel

_OPENAI: Dialect = Chat()
_ANTHROPIC: Dialect = Messages()


async def serve(exchange: Exchange, name: str) -> None:
    """The list, or the one model of this name."""
    dialect = dialect_of(exchange)
    await answered(exchange, dialect, _answer(exchange, name, is_anthropic=dialect is _ANTHROPIC))


async def _answer(exchange: Exchange, name: str, *, is_anthropic: bool) -> None:
    who = await admit(exchange)
    rows = await _rows(who, is_anthropic=is_anthropic)
    if name:
        answer = _one(rows, unquote(name))
    elif is_anthropic:
        ids = [row["id"] for row in rows]
        answer = {"data": rows, "has_more": False, "first_id": ids[0] if ids else None, "last_id": ids[-1] if ids else None}
    else:
        answer = {"object": "list", "data": rows}
    await exchange.answer(200, encode(answer), [])


def dialect_of(exchange: Exchange) -> Dialect:
    """Whose client it is: only Anthropic's sends a version."""
    return _ANTHROPIC if exchange.header(b"anthropic-version") else _OPENAI


async def _rows(who: Admitted, *, is_anthropic: bool) -> list[dict[str, Any]]:
    catalogue = await catalogue_of(who.team_pk)
    row = _anthropic_row if is_anthropic else _openai_row
    return [row(name, model) for name, model in listed(catalogue, who)]


def _openai_row(name: str, model: AIModel | None) -> dict[str, Any]:
    if model is None:
        return {"id": name, "object": "model", "created": 0, "owned_by": "orq"}
    about = {"id": name, "object": "model", "created": int(model.created_at.timestamp()), "owned_by": model.provider.name}
    return {**about, "context_window": model.context_window, "capabilities": model.capabilities}


def _anthropic_row(name: str, model: AIModel | None) -> dict[str, Any]:
    created = "1970-01-01T00:00:00Z" if model is None else f"{model.created_at:%Y-%m-%dT%H:%M:%SZ}"
    return {"type": "model", "id": name, "display_name": name if model is None else str(model), "created_at": created}


def _one(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found = next((row for row in rows if row["id"] == name), None)
    if found is None:
        raise UnknownModel(_("There is no model %s here. GET /v1/models lists those that there are.") % name[:200], param="model")
    return found
