"""The most that a call can cost, said before it is made: what a budget sets aside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import ROUND_UP, Decimal

from apps.providers.adapters.schema import REPAIRS
from apps.providers.contract import ChatRequest, Usage
from apps.providers.models import AIModel
from apps.providers.models.budgets import SMALLEST
from apps.providers.services.usage import cost_of

# On the safe side: a reservation should rather be too large. English has about four bytes a token, and a character that is
# several bytes long is seldom more than one token for each three of them.
BYTES_PER_TOKEN = 3
TOKENS_AROUND_A_MESSAGE = 8
# OpenAI cuts a picture into at most 1,536 patches of up to 2.46 tokens, Anthropic scales it down to about 1,600 tokens.
# Only gpt-4o-mini, which is cheap, counts more.
# https://platform.openai.com/docs/guides/images-vision, https://docs.claude.com/en/docs/build-with-claude/vision (2026-11)
TOKENS_OF_A_PICTURE = 3_800
USUAL_OUTPUT_TOKENS = 16_384  # where a request names no most


def call_usd(model: AIModel, request: ChatRequest) -> Decimal | None:
    """The most that one answer of `model` can cost in US dollars, repairs of its JSON included; None: its price is unknown.

    0 is for what runs on our own machines. Needs `model.provider`.
    """
    most = Usage(prompt_tokens(request), output_tokens(request))
    if request.json_schema is not None:
        most = _with_repairs(most)
    return _rounded_up(cost_of(model, most))


def dearest_usd(models: Sequence[AIModel], request: ChatRequest) -> Decimal | None:
    """The most that one answer costs, whichever of `models` gives it; None: a price among them is unknown."""
    costs = [call_usd(model, request) for model in models]
    return None if None in costs else max((cost for cost in costs if cost is not None), default=Decimal(0))


def ladder_usd(models: Sequence[AIModel], request: ChatRequest) -> Decimal | None:
    """The most that an answer costs that each of `models` works on in turn: author, checker, judge.

    Each reads the question and everything that those before it wrote. None: a price on the way is unknown.
    """
    total = Decimal(0)
    read = replace(request, json_schema=None)
    asked, written = prompt_tokens(read), output_tokens(read)
    for place, model in enumerate(models):
        most = Usage(asked + place * written, written)
        if place or request.json_schema is not None:  # a verdict is JSON
            most = _with_repairs(most)
        cost = _rounded_up(cost_of(model, most))
        if cost is None:
            return None
        total += cost
    return total


def prompt_tokens(request: ChatRequest) -> int:
    """At most so many, as long as the vendor's tokens are not much shorter than anybody's."""
    size = 0
    for message in request.messages:
        size += len(message.content.encode("utf-8", "replace"))
        size += sum(len(call.name) + len(call.arguments.encode("utf-8", "replace")) for call in message.tool_calls)
    if request.json_schema or request.tools:
        size += len(json.dumps([request.json_schema and dict(request.json_schema), *map(dict, request.tools)], default=str))
    pictures = sum(len(message.images) for message in request.messages)
    return -(-size // BYTES_PER_TOKEN) + len(request.messages) * TOKENS_AROUND_A_MESSAGE + pictures * TOKENS_OF_A_PICTURE


def output_tokens(request: ChatRequest) -> int:
    return request.max_output_tokens or USUAL_OUTPUT_TOKENS


def _with_repairs(most: Usage) -> Usage:
    """An answer that does not fit its schema is asked for again, with the wrong one in the question."""
    times = REPAIRS + 1
    return Usage(times * (most.input_tokens + most.output_tokens), times * most.output_tokens)


def _rounded_up(cost: Decimal | None) -> Decimal | None:
    return None if cost is None else cost.quantize(SMALLEST, ROUND_UP)
