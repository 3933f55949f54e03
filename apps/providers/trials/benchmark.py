"""A benchmark: the standard questions one after the other, each as often as there are rounds, and nothing beside them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from apps.common.db import in_db
from apps.common.errors import OrquestradorError
from apps.providers.adapters import make_adapter
from apps.providers.contract import ChatRequest, Message
from apps.providers.models import AIModel, Benchmark, BenchmarkAnswer
from apps.providers.services.accepts import accepts_of
from apps.providers.trials import live
from apps.providers.trials.asking import answer
from apps.providers.trials.questions import BY_KEY, MAX_OUTPUT_TOKENS, SYSTEM, Question

FAILURES_TO_GIVE_UP = 3  # in a row: the rest would fail too


async def run_benchmark(benchmark: Benchmark) -> None:
    """Ask what is still to be asked. Raises the last error after `FAILURES_TO_GIVE_UP` failures in a row."""
    model, todo = await in_db(_load, benchmark)
    server = OneServer(model)
    in_a_row = 0
    try:
        for row in todo:
            try:
                await _one(row, benchmark, model, server)
                in_a_row = 0
            except OrquestradorError:
                in_a_row += 1
                if in_a_row == FAILURES_TO_GIVE_UP:
                    raise
            finally:
                live.changed(benchmark)
    finally:
        await server.aclose()


class OneServer:
    """The model at its own server, asked once for each answer: another server of it, or a second try, would blur the figures."""

    def __init__(self, model: AIModel) -> None:
        self._adapter = make_adapter(replace(model.provider.connection, max_attempts=1))

    async def stream(self, model: AIModel, request: ChatRequest) -> AsyncGenerator[Any]:
        stream = self._adapter.stream(replace(request, accepts=accepts_of(model)))
        try:
            async for item in stream:
                yield item
        finally:
            await stream.aclose()  # type: ignore[attr-defined]

    async def aclose(self) -> None:
        await self._adapter.aclose()


async def _one(row: BenchmarkAnswer, benchmark: Benchmark, model: AIModel, server: OneServer) -> None:
    question = BY_KEY[row.question]
    completion = await answer(row, benchmark, model, request_for(question, model), purpose="benchmark", calls=server)
    await in_db(_grade, row, question.is_right(completion.text))


def request_for(question: Question, model: AIModel) -> ChatRequest:
    messages = (Message("system", SYSTEM), Message("user", question.prompt))
    return ChatRequest(model.key, messages, max_output_tokens=MAX_OUTPUT_TOKENS, temperature=0.0)


def _load(benchmark: Benchmark) -> tuple[AIModel, list[BenchmarkAnswer]]:
    model = AIModel.objects.select_related("provider__key").get(pk=benchmark.model_id)
    return model, list(benchmark.answers.open().order_by("round", "pk"))


def _grade(row: BenchmarkAnswer, is_correct: bool) -> None:
    row.is_correct = is_correct
    row.save(update_fields=["is_correct"])
