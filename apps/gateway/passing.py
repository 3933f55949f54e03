"""A request that goes on as it came, because its model speaks the dialect of the client: bytes in, bytes out.

Only the model's name is put in the place of the one that the client used, the counts are read on the way, and the evidence is
added at the end. Nothing that we do not know is lost.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from decimal import Decimal
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from apps.gateway.admission import Admitted
from apps.gateway.dialects.base import OURS, Asked, Dialect, Evidence, Tap, decode
from apps.gateway.dialects.events import Cutter, with_field
from apps.gateway.ledger import Entry, Ledger
from apps.gateway.loops import Watch, cut_as_json, cuts_loops
from apps.gateway.names import name_of
from apps.gateway.wire import Exchange, Outbox
from apps.providers.adapters.answer import CHARACTERS_PER_TOKEN
from apps.providers.adapters.base import DRAIN_TIMEOUT_S, TAIL_TIMEOUT_S
from apps.providers.adapters.chat import Way, with_extra
from apps.providers.adapters.failures import error_of, find_error
from apps.providers.calls.relay import Passage, Relay
from apps.providers.calls.servers import servers_of
from apps.providers.contract import Usage
from apps.providers.errors import Interrupted, MalformedAnswer, ProviderError
from apps.providers.models import AIModel
from apps.providers.models.budgets import SMALLEST
from apps.providers.services.estimates import BYTES_PER_TOKEN, TOKENS_OF_A_PICTURE, USUAL_OUTPUT_TOKENS
from apps.providers.services.paid import NOT_ASKED
from apps.providers.services.usage import cost_of

_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.)*")')
# Pictures and files inside a request; they are counted as pictures, not as words.
_PICTURE = re.compile(rb'"(?:data:[^"]{64,}|[A-Za-z0-9+/=]{2048,})"')
ASK_FOR_COUNTS = b'{"stream_options":{"include_usage":true},'


async def pass_on(
    exchange: Exchange, who: Admitted, asked: Asked, dialect: Dialect, model: AIModel, *, relay: Relay, ledger: Ledger
) -> None:
    """Ask `model` and answer. Raises ProviderError, OverBudget and PriceUnknown as long as nothing was answered."""
    entry = await _entered(who, asked, dialect, model, ledger)
    headers = {name.decode(): value for name in dialect.passed_headers if (value := exchange.header(name))}
    passage = await _opened(entry, asked, dialect, headers, relay, ledger)
    entry.model = passage.server
    if asked.is_stream:
        await _stream(exchange, asked, dialect, entry, passage, ledger)
    else:
        await _whole(exchange, asked, dialect, entry, passage, ledger)


async def _entered(who: Admitted, asked: Asked, dialect: Dialect, model: AIModel, ledger: Ledger) -> Entry:
    """The call is noted, and its money set aside."""
    question = question_tokens(asked.raw)
    who.take_tokens(question)
    hold = None
    if who.has_budget:
        hold = await ledger.holds.take(who, _most_usd(model, asked, dialect, question), model_name=str(model))
    entry = Entry(who, model, Usage(question, 0, is_estimated=True), hold)
    ledger.begin(entry)
    return entry


async def _opened(
    entry: Entry, asked: Asked, dialect: Dialect, headers: Mapping[str, str], relay: Relay, ledger: Ledger
) -> Passage:
    def body_for(server: AIModel, way: Way) -> bytes:
        counts = asked.is_stream and dialect.counts_when_asked and way.counts_in_stream
        return outgoing(asked, server.key, way.extra, ask_for_counts=counts)

    try:
        return await relay.open(entry.model, dialect.api, body_for, headers=headers)
    except NOT_ASKED:
        ledger.drop(entry)
        raise
    except ProviderError as error:
        error.extra["said_in"] = dialect.api
        ledger.end(entry, Usage(), error_code=error.code, has_answer=False)
        raise
    except BaseException:
        ledger.end(entry, entry.expected, error_code="cancelled", has_answer=False)
        raise


async def _whole(exchange: Exchange, asked: Asked, dialect: Dialect, entry: Entry, passage: Passage, ledger: Ledger) -> None:
    try:
        data = await passage.read()
        answer = _checked(data, passage)
    except ProviderError as error:
        ledger.end(entry, entry.expected, error_code=error.code)
        await passage.aclose(error)
        raise
    except BaseException:
        ledger.end(entry, entry.expected, error_code="cancelled", has_answer=False)
        await asyncio.shield(passage.aclose())
        raise
    entry.saw_token()
    usage = dialect.usage_of(answer) or _estimated(entry, len(data))
    evidence = _evidence(entry, usage, ledger.end(entry, usage))
    await passage.aclose(is_whole=True)
    body = with_field(data.rstrip(), "orq", evidence.as_json())
    await exchange.answer(200, body, evidence.headers())


async def _stream(exchange: Exchange, asked: Asked, dialect: Dialect, entry: Entry, passage: Passage, ledger: Ledger) -> None:
    watch = Watch() if cuts_loops(entry.who, asked) else None
    tap = dialect.tap(asked, watch)

    async def produce(outbox: Outbox) -> None:
        try:
            await _pump(passage, tap, outbox, entry)
        except ProviderError as error:
            ledger.end(entry, tap.usage or _estimated(entry, tap.heard), error_code=error.code)
            await passage.aclose(error)
            raise
        except BaseException:
            ledger.end(entry, tap.usage or _estimated(entry, tap.heard), error_code="cancelled")
            await asyncio.shield(passage.aclose())
            raise
        usage = tap.usage or _estimated(entry, tap.heard)
        cost_usd = ledger.end(entry, usage, error_code=tap.error_code)
        outbox.put(tap.end(_evidence(entry, usage, cost_usd, watch), usage))
        outbox.close()
        if not tap.is_cut:
            await _drain(passage)
        await passage.aclose(is_whole=not tap.is_cut)

    await exchange.stream(produce, Evidence(name_of(entry.model)).headers())


async def _pump(passage: Passage, tap: Tap, outbox: Outbox, entry: Entry) -> None:
    """Events from the server to the outbox, until the last one."""
    cutter = Cutter()
    async with aclosing(passage.chunks()) as chunks:
        while not tap.is_over:
            chunk = await _next(chunks, tap)
            if not chunk:
                break
            _feed(cutter.feed(chunk), tap, outbox)
            entry.saw_token()
    if not tap.is_over:
        _feed(cutter.end(), tap, outbox)
    if not tap.has_ended:
        raise Interrupted(_("The answer of %s broke off.") % passage.server.provider)


async def _next(chunks: AsyncIterator[bytes], tap: Tap) -> bytes:
    """b"" at the end. What may follow the last word is not waited for for long."""
    if not tap.has_ended:
        return await anext(chunks, b"")
    try:
        async with asyncio.timeout(TAIL_TIMEOUT_S):
            return await anext(chunks, b"")
    except TimeoutError:
        return b""


def _feed(events: list[bytes], tap: Tap, outbox: Outbox) -> None:
    for event in events:
        if tap.is_over:
            return
        if data := tap.feed(event):
            outbox.put(data)


async def _drain(passage: Passage) -> None:
    """To the end of the body, so that the connection can be used again."""
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            await passage.read()
    except (TimeoutError, ProviderError):
        return  # then it is closed


def outgoing(asked: Asked, key: str, extra: Any, *, ask_for_counts: bool) -> bytes:
    """The body for a server: the client's bytes with the server's name of the model in them, wherever that can be done."""
    names = _MODEL.findall(asked.raw) if asked.is_plain and not extra else []
    must_ask = ask_for_counts and not _asks_for_counts(asked)
    if len(names) == 1 and _text(names[0]) == asked.model and not (must_ask and "stream_options" in asked.body):
        found = _MODEL.search(asked.raw)
        assert found is not None
        raw = asked.raw[: found.start(1)] + msgspec.json.encode(key) + asked.raw[found.end(1) :]
        return raw.replace(b"{", ASK_FOR_COUNTS, 1) if must_ask else raw
    body = {name: value for name, value in json.loads(asked.raw).items() if name not in OURS}
    body["model"] = key
    if must_ask:
        body["stream_options"] = {**(body.get("stream_options") or {}), "include_usage": True}
    return json.dumps(with_extra(body, extra), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def question_tokens(raw: bytes) -> int:
    """About how many tokens a request has, on the safe side."""
    size, pictures = len(raw), 0
    if size > 4_096:
        for found in _PICTURE.finditer(raw):
            size -= found.end() - found.start()
            pictures += 1
    return -(-size // BYTES_PER_TOKEN) + pictures * TOKENS_OF_A_PICTURE


def text_size(raw: bytes) -> int:
    """The bytes of a request without its pictures."""
    return len(raw) - sum(found.end() - found.start() for found in _PICTURE.finditer(raw))


def _most_usd(model: AIModel, asked: Asked, dialect: Dialect, question: int) -> Decimal | None:
    most = dialect.most_output(asked.body)
    usage = Usage(question, USUAL_OUTPUT_TOKENS if most is None else most)
    servers = servers_of(model) if model.provider.balance_group else [model]
    costs = [cost_of(server, usage) for server in servers]
    return None if None in costs else max(cost or Decimal(0) for cost in costs).quantize(SMALLEST)


def _checked(data: bytes, passage: Passage) -> dict[str, Any]:
    """The answer, if it is one: some servers send errors as successes."""
    try:
        answer = decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedAnswer(_("%s answers with something that is not JSON.") % passage.server.provider) from error
    if not isinstance(answer, dict):
        raise MalformedAnswer(_("%s answers with something that is no answer.") % passage.server.provider)
    if answer.get("error") and (vendor := find_error(answer)):
        raise error_of(vendor, status=None, headers={}, name=str(passage.server.provider))
    return answer


def _evidence(entry: Entry, usage: Usage, cost_usd: Decimal | None, watch: Watch | None = None) -> Evidence:
    more = {"cut": cut_as_json(watch.error)} if watch is not None and watch.error is not None else {}
    return Evidence(name_of(entry.model), cost_usd=cost_usd, is_estimated=usage.is_estimated, more=more)


def _estimated(entry: Entry, heard: int) -> Usage:
    return Usage(entry.expected.input_tokens, -(-heard // CHARACTERS_PER_TOKEN), is_estimated=True)


def _asks_for_counts(asked: Asked) -> bool:
    options = asked.body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def _text(literal: bytes) -> Any:
    return decode(literal)
