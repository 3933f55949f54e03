"""One request at the gateway, from its first byte to its last.

Admit the key, read what it asks, find the model, and answer: as it came where the model speaks the client's dialect, in our words
where it does not, and by COMET where the name says so.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Coroutine
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from apps.common.errors import OrquestradorError
from apps.gateway import ledger as ledgers
from apps.gateway import names
from apps.gateway.admission import Admitted, admit
from apps.gateway.converting import SharedCalls, convert
from apps.gateway.dialects.base import Asked, Dialect, Told, read_asked, told_of, unexpected
from apps.gateway.embedding import embed
from apps.gateway.errors import BadBody, TooLarge
from apps.gateway.ledger import Ledger
from apps.gateway.passing import pass_on, text_size
from apps.gateway.routed import route_it
from apps.gateway.wire import Exchange, Gone, Overlong
from apps.providers.calls.relay import Relay
from apps.providers.errors import ProviderError
from apps.providers.faults import may_help_elsewhere
from apps.providers.models import AIModel

log = logging.getLogger(__name__)

MOST_BODY = 32 * 1024 * 1024  # with its pictures
MOST_FALLBACKS = 8


class Desk:
    """What the requests of one process share, for one event loop."""

    def __init__(self) -> None:
        self.relay = Relay()
        self.ledger = Ledger()
        self.shared = SharedCalls()

    async def aclose(self) -> None:
        """Everything is written down before this returns."""
        await self.ledger.aclose()
        await self.shared.aclose()
        await self.relay.aclose()


async def serve(exchange: Exchange, dialect: Dialect, desk: Desk) -> None:
    """Answer, whatever happens. A client that leaves ends its call at once, and what that took is written down."""
    await answered(exchange, dialect, _answer(exchange, dialect, desk))


async def answered(exchange: Exchange, dialect: Dialect, answering: Coroutine[Any, Any, None]) -> None:
    """See `answering` to its end; what it raises is told in the words of the dialect."""
    task = asyncio.current_task()
    assert task is not None
    try:
        await answering
    except (Gone, asyncio.CancelledError):
        if not exchange.client_left:
            raise
        task.uncancel()
    except OrquestradorError as error:
        await _tell(exchange, dialect, told_of(error, api=dialect.api))
    except Exception:
        log.exception("a request at the gateway failed unexpectedly (%s)", exchange.request_id)
        message = _("Something unexpected happened. It was logged as %(id)s; tell whoever looks after this installation.")
        await _tell(exchange, dialect, unexpected(message % {"id": exchange.request_id}))
    finally:
        exchange.stop_watching()


async def _answer(exchange: Exchange, dialect: Dialect, desk: Desk) -> None:
    who = await admit(exchange)
    desk.ledger.used(who)
    asked = read_asked(await _body(exchange), dialect)
    exchange.watch()
    if asked.model in names.ROUTED:
        who.must_allow(asked.model)
        await route_it(exchange, who, asked, dialect, shared=desk.shared)
        return
    models = await _models(who, asked, dialect)
    await _ask(exchange, who, asked, dialect, models, desk)


async def _ask(exchange: Exchange, who: Admitted, asked: Asked, dialect: Dialect, models: list[AIModel], desk: Desk) -> None:
    """The models one after the other, until one has begun to answer."""
    while models:
        model, *others = models
        if not desk.relay.speaks(model, dialect.api):
            if dialect.api == "embeddings":
                return await embed(exchange, who, asked, model, shared=desk.shared, ledger=desk.ledger)
            return await convert(exchange, who, asked, dialect, models, shared=desk.shared)
        try:
            return await pass_on(exchange, who, asked, dialect, model, relay=desk.relay, ledger=desk.ledger)
        except ProviderError as error:
            if exchange.has_begun or not others or not may_help_elsewhere(error):
                raise
            models = others


async def _models(who: Admitted, asked: Asked, dialect: Dialect) -> list[AIModel]:
    """The one that is asked for, and those that may answer in its place: the request's, or else the key's.

    Vectors of different models cannot be compared, so nothing makes them in another's place.
    """
    model = await names.find(who, asked.model)
    wanted = who.fallbacks if asked.fallbacks is None else asked.fallbacks
    if dialect.api == "embeddings":
        wanted = ()
    if len(wanted) > MOST_FALLBACKS:
        raise BadBody(_("There are %d fallbacks at most.") % MOST_FALLBACKS, param="fallbacks")
    others = await names.find_all(who, wanted, param="fallbacks")
    return [model, *(other for other in others if other.pk != model.pk)]


async def _body(exchange: Exchange) -> bytes:
    """Raises TooLarge: of text no more than the installation takes, of pictures as much as vendors do."""
    most = settings.ORQ_GATEWAY_MOST_TEXT
    try:
        raw = await exchange.body(MOST_BODY)
    except Overlong as error:
        raise _too_large(most) from error
    if len(raw) > most and text_size(raw) > most:
        raise _too_large(most)
    return raw


def _too_large(most: int) -> TooLarge:
    message = _("This request has more than %(text)d bytes of text, or more than %(body)d bytes with its pictures.")
    return TooLarge(message % {"text": most, "body": MOST_BODY})


async def _tell(exchange: Exchange, dialect: Dialect, told: Told) -> None:
    """As the status where nothing was sent yet, else as the last event of the stream."""
    if exchange.has_begun:
        await exchange.write(dialect.error_event(told, exchange.request_id))
        await exchange.end()
    else:
        await exchange.answer(told.status, dialect.error(told, exchange.request_id), told.headers())


def recover_in_background() -> threading.Thread:
    """Calls of a process that died become rows, while this one already serves."""
    thread = threading.Thread(target=ledgers.recover, name="orq-gateway-recovery", daemon=True)
    thread.start()
    return thread
