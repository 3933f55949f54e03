"""Embeddings of a model whose provider has an API of its own for them."""

from __future__ import annotations

from asgiref.sync import ThreadSensitiveContext

from apps.gateway.admission import Admitted
from apps.gateway.converting import SharedCalls
from apps.gateway.dialects.base import Asked, Evidence, encode
from apps.gateway.dialects.embeddings import texts_of, vectors_out
from apps.gateway.ledger import Entry, Ledger
from apps.gateway.names import name_of
from apps.gateway.passing import question_tokens
from apps.gateway.wire import Exchange
from apps.providers.adapters.answer import CHARACTERS_PER_TOKEN
from apps.providers.contract import Usage
from apps.providers.errors import ProviderError
from apps.providers.models import AIModel
from apps.providers.services.paid import NOT_ASKED
from apps.providers.services.usage import cost_of


async def embed(exchange: Exchange, who: Admitted, asked: Asked, model: AIModel, *, shared: SharedCalls, ledger: Ledger) -> None:
    """Ask `model` and answer. Adapters give vectors without counts, so these are estimated, and marked."""
    texts = texts_of(asked.body)
    question = question_tokens(asked.raw)
    who.take_tokens(question)
    most = cost_of(model, Usage(question, 0))
    hold = await ledger.holds.take(who, most, model_name=str(model)) if who.has_budget else None
    usage = Usage(-(-sum(map(len, texts)) // CHARACTERS_PER_TOKEN), 0, is_estimated=True)
    entry = Entry(who, model, usage, hold)
    ledger.begin(entry)
    try:
        async with ThreadSensitiveContext(), shared.lent() as calls:
            vectors = await calls.embed(model, texts)
    except NOT_ASKED:
        ledger.drop(entry)
        raise
    except ProviderError as error:
        ledger.end(entry, Usage(), error_code=error.code, has_answer=False)
        raise
    except BaseException:
        ledger.end(entry, usage, error_code="cancelled", has_answer=False)
        raise
    evidence = Evidence(name_of(model), cost_usd=ledger.end(entry, usage), is_estimated=True)
    await exchange.answer(200, encode(vectors_out(vectors, asked, usage, evidence)), evidence.headers())
