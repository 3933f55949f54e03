"""Conversations and their messages."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from apps.chat.models import Conversation, Message
from orquestrador.seeding import words
from orquestrador.seeding.rows import first_key, spread
from orquestrador.seeding.stage import Stage


def chats_make(stage: Stage) -> None:
    threads = _threads(stage)
    first, first_message = first_key(Conversation), first_key(Message)
    ends, at_message = [], first_message
    for length in threads:
        at_message += length
        ends.append(at_message - 1)
    moments = list(spread(stage.start, stage.end, len(threads)))
    columns = (
        *("id", "public_id", "owner_id", "title", "is_pinned", "is_archived", "is_shared"),
        *("last_message_at", "created_at", "updated_at"),
    )
    rows = (
        (
            *(first + index, uuid.uuid4(), stage.owner.pk if index % 2 else stage.person(), words.ask(stage.chance)[:80]),
            *(stage.chance.random() < 0.01, stage.chance.random() < 0.2, stage.chance.random() < 0.1, at, at, at),
        )
        for index, at in enumerate(moments)
    )
    stage.insert(Conversation, columns, iter(rows), team=stage.team)
    _messages(stage, threads, moments, first, first_message)
    Conversation.objects.bulk_update(
        [Conversation(pk=first + index, current_id=last) for index, last in enumerate(ends)], ["current"], batch_size=500
    )


def _threads(stage: Stage) -> list[int]:
    """How many messages each conversation has: one is very long, most are short, together they are what was asked for."""
    number, messages = max(1, min(stage.sizes.conversations, stage.sizes.messages // 2)), stage.sizes.messages // 2 * 2
    longest = min(2_000, messages // 5 * 2 // 2 * 2) if number > 1 else messages
    rest = (messages - longest) // max(1, number - 1) // 2 * 2
    threads = [rest] * (number - 1) + [longest]
    threads[-1] += messages - sum(threads)
    return [length for length in threads if length]


def _messages(stage: Stage, threads: list[int], moments: list[Any], first: int, first_message: int) -> None:
    columns = (
        *("id", "public_id", "conversation_id", "parent_id", "role", "content", "model_id", "model_name", "execution_id"),
        *("confidence", "input_tokens", "output_tokens", "cost_usd", "latency_ms", "created_at", "updated_at", "asked_by_id"),
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        key, prompts = first_message, len(stage.prompt_ids)
        for index, length in enumerate(threads):
            for place in range(length):
                at, parent = moments[index] + timedelta(seconds=place * 20), key - 1 if place else None
                about = (key, uuid.uuid4(), first + index, parent)
                if place % 2 == 0:
                    yield (
                        *about,
                        "user",
                        words.ask(stage.chance),
                        None,
                        "",
                        None,
                        None,
                        0,
                        0,
                        None,
                        None,
                        at,
                        at,
                        stage.owner.pk,
                    )
                else:
                    model = stage.chance.choice(stage.models)
                    prompt = stage.first_prompt + stage.chance.randrange(prompts) if prompts else None
                    yield (
                        *(*about, "assistant", words.answer(stage.chance), model.pk, str(model), prompt),
                        *(Decimal(stage.chance.randint(50, 99)), stage.chance.randint(20, 900), stage.chance.randint(20, 900)),
                        *(stage.cost(), stage.chance.randint(400, 9_000), at, at, None),
                    )
                key += 1

    stage.insert(Message, columns, rows(), status="complete")
