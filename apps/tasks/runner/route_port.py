"""The route's way to models, money and memory: `RoutePort` over the database and the door through which models are asked."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db import Error as DatabaseTrouble

from apps.common.db import in_db
from apps.providers.adapters.answer import estimated_usage
from apps.providers.calls import Calls, Switched, Waiting
from apps.providers.calls.servers import servers_of
from apps.providers.contract import ChatRequest, Completion, Delta
from apps.providers.errors import OverBudget, PriceUnknown, ProviderError
from apps.providers.models import AIModel, Reservation
from apps.providers.services import budget_reserve, cost_of, dearest_usd, ladder_usd
from apps.providers.services.estimates import output_tokens
from apps.providers.services.paid import Caller, paid_stream
from apps.tasks.engine import errors as engine
from apps.tasks.engine.cast import cast_from
from apps.tasks.engine.circles import StreamGuard
from apps.tasks.engine.routing.types import Cached, Needs, Routed, RoutedPrompt, Selection
from apps.tasks.engine.types import Candidate, ModelRef, Persona, PlannedSubtask, Policy, TaskSpec
from apps.tasks.runner.ais import personas_of
from apps.tasks.runner.evidence import TeamEvidence, evidence_for
from apps.tasks.runner.executions import Asker, Diary, Ready
from apps.tasks.services.cache import cache_keep, cache_look

log = logging.getLogger(__name__)

TOKENS_OF_A_VERDICT = 8_192  # what a checker may write, and what tells it how to
CHECKERS_IN_SIGHT = 3  # the dearest of so many is set aside for
LADDER = ("answer", "check", "settle")  # the purposes of the calls of a verified answer


class Ear:
    """Keeps what one answer says, and cuts it when it goes round in circles: the call upstream ends with that."""

    def __init__(self, request: ChatRequest) -> None:
        self.request = request
        self._words: list[str] = []
        self._guard = StreamGuard()

    async def hear(self, delta: Delta, stream: AsyncGenerator[Any]) -> None:
        """Raises RunawayAnswer, also inside of `stream`, which counts what was written and closes."""
        if delta.restarted:
            self._words, self._guard = [], StreamGuard()
        self._words.append(delta.text)
        try:
            self._guard.feed(delta.text)
        except engine.RunawayAnswer as error:
            await stream.athrow(error)
            raise

    def so_far(self, model: str, began: float) -> Completion:
        text = "".join(self._words)
        usage = estimated_usage(self.request, text)
        return Completion(text, "length", usage, model, latency_ms=round((time.monotonic() - began) * 1000))


class OneCall:
    """One call of a model, and what has come of it so far. `answering` is the server that is asked, which may change."""

    def __init__(self, model: AIModel, request: ChatRequest, purpose: str, is_shown: bool) -> None:
        self.answering, self.request, self.purpose, self.is_shown = model, request, purpose, is_shown
        self.ear = Ear(request)
        self.completion: Completion | None = None
        self.error_code = "cancelled"  # where it ends without an answer and without an error
        self._first, self._began = model, time.monotonic()

    def so_far(self) -> Completion:
        """What was heard, as an answer that was cut."""
        return self.ear.so_far(self._first.key, self._began)

    @property
    def took_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    @property
    def cost_usd(self) -> Decimal | None:
        return cost_of(self.answering, self.completion.usage) if self.completion else None

    @property
    def error_noted(self) -> str:
        """An answer that was cut is there and is an error, too."""
        is_cut = self.error_code == engine.RunawayAnswer.code
        return self.error_code if is_cut or not self.completion else ""


class DatabasePort:
    """Of one prompt. `show` is given what readers may see."""

    def __init__(
        self,
        asker: Asker,
        prompt: RoutedPrompt,
        ready: Ready,
        diary: Diary,
        calls: Calls,
        show: Callable[[Delta | Switched | Waiting], None],
        on_asked: Callable[[AIModel], None] | None = None,
    ) -> None:
        self.settings, self.rules = ready.settings, ready.rules
        self.chance = random.random()
        self._asker, self._prompt, self._ready, self._diary = asker, prompt, ready, diary
        self._calls, self._show, self._on_asked = calls, show, on_asked
        self._ladder: Reservation | None = None
        self._shares: dict[str, Decimal] = {}
        self._is_set_aside = False
        self._before_the_eyes: list[str] = []
        self.cut: engine.RunawayAnswer | None = None  # what a reader has who cannot be given another answer instead
        self._began = time.monotonic()

    # ── what the route asks for ───────────────────────────────────────────────────────────────────────────────────

    async def candidates(self) -> list[Candidate]:
        return self._ready.candidates

    async def personas(self) -> list[Persona]:
        return await in_db(personas_of, self._asker.team_id)

    async def ask(
        self, model: ModelRef, request: ChatRequest, *, purpose: str, is_shown: bool
    ) -> tuple[Completion, Decimal | None]:
        row = self._ready.rows[model.id]
        if is_shown:
            self._begin_to_show(row)
        call = OneCall(row, request, purpose, is_shown)
        try:
            await self._listen(call)
        except engine.RunawayAnswer as error:
            call.error_code = error.code
            self._cut_short(call, error)
        except ProviderError as error:
            call.error_code = error.code
            raise
        except OverBudget as refused:
            call.error_code = refused.code
            raise engine.OverSharedBudget(refused.message, budget=refused.budget, is_held=refused.is_held) from refused
        except PriceUnknown as refused:
            call.error_code = refused.code
            raise engine.PriceUnknown(refused.message, **refused.extra) from refused
        finally:
            cost = call.cost_usd
            self._diary.note_asked(call.answering, purpose, call.completion, call.error_noted, call.took_ms, cost)
        assert call.completion is not None
        return call.completion, cost

    def _begin_to_show(self, row: AIModel) -> None:
        if self._on_asked is not None:
            self._on_asked(row)
        if self._prompt.may_restart and "".join(self._before_the_eyes):
            self.show(Delta(restarted=True))  # what a model left unfinished is not the beginning of another one's answer

    async def _listen(self, call: OneCall) -> None:
        """Have the model asked, paid from what was set aside, and hear it to the end."""
        row, request, purpose = call.answering, call.request, call.purpose
        may_restart = self._prompt.may_restart or not call.is_shown
        reservation = await self._share_of(row, request, purpose)
        stream = paid_stream(self._calls, row, request, self._caller(purpose), may_restart=may_restart, reservation=reservation)
        async with aclosing(stream) as items:
            async for item in items:
                if isinstance(item, Completion):
                    call.completion = item
                    continue
                if isinstance(item, Switched):
                    call.answering = item.to_model
                if call.is_shown:
                    self.show(item)
                if isinstance(item, Delta):
                    await call.ear.hear(item, items)

    def _cut_short(self, call: OneCall, error: engine.RunawayAnswer) -> None:
        """Who reads along has what was written, and nothing can take its place. Else the error goes on, and takes it along."""
        if call.is_shown and not self._prompt.may_restart:
            call.completion, self.cut = call.so_far(), error
            return
        error.extra["partial"] = call.so_far()
        raise error

    async def record(self, category: str, **data: Any) -> None:
        self._diary.record(category, **data)

    async def evidence(self) -> TeamEvidence | None:
        asker = self._asker
        return await evidence_for(asker.team_id, asker.owner_id, self._prompt.id, asker.key_id)

    async def cached(self, prompt: RoutedPrompt, needs: Needs, selection: Selection) -> Cached | None:
        self._diary.needs = needs
        return await cache_look(self._asker, prompt, needs, selection)

    def show(self, item: Delta | Switched | Waiting) -> None:
        if isinstance(item, Delta):
            if item.restarted:
                self._before_the_eyes.clear()
            self._before_the_eyes.append(item.text)
            if self._diary.first_token_ms is None and (item.text or item.reasoning):
                self._diary.first_token_ms = round((time.monotonic() - self._began) * 1000)
        self._show(item)

    def coin(self, what: str) -> bool:
        return random.random() < 0.5

    # ── what comes after it ───────────────────────────────────────────────────────────────────────────────────────

    def show_answer(self, routed: Routed) -> None:
        """Where the answer is not what was shown last (an earlier one was better, or a checker was right), it is shown now."""
        shown = "".join(self._before_the_eyes)
        if routed.completion.text == shown or (shown and not self._prompt.may_restart):
            return
        if shown:
            self.show(Delta(restarted=True))
        self.show(Delta(text=routed.completion.text))

    async def keep_answer(self, routed: Routed, cost_usd: Decimal | None) -> None:
        """For whoever asks the same again. A database that is away takes no answer back."""
        execution = self._ready.execution
        execution.cost_usd = cost_usd
        try:
            await cache_keep(self._asker, self._prompt, routed, execution)
        except DatabaseTrouble:
            log.exception("an answer could not be kept in the cache")

    # ── money ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _caller(self, purpose: str) -> Caller:
        asker, execution = self._asker, self._ready.execution
        return Caller(asker.team_id, asker.owner_id, purpose[:20], asker.key_id, execution.public_id)

    async def _share_of(self, row: AIModel, request: ChatRequest, purpose: str) -> Reservation | None:
        """The ladder's reservation where this call is part of it. What it does not cover sets aside for itself."""
        if not (self._prompt.verify and self._ready.has_budgets):
            return None
        if not self._is_set_aside:
            self._is_set_aside = True
            personas = await self.personas()
            self._ladder, self._shares = await in_db(self._set_aside_ladder, row, personas)
        share = self._shares.get(purpose)
        needed = dearest_usd(await in_db(servers_of, row), request)
        if self._ladder is None or share is None or needed is None or needed > share:
            return None
        del self._shares[purpose]
        return self._ladder

    def _set_aside_ladder(self, author: AIModel, personas: list[Persona]) -> tuple[Reservation | None, dict[str, Decimal]]:
        """For author, checker and judge together, before the first is asked: a budget that covers only one verifies nothing."""
        request = self._prompt.request
        places = [[author], *self._checkers_and_judges(author, personas)]
        long = replace(request, max_output_tokens=max(output_tokens(request), TOKENS_OF_A_VERDICT))
        shares: dict[str, Decimal] = {}
        dearest: list[AIModel] = []
        for purpose, models in zip(LADDER, places, strict=False):
            if not models:
                break
            costs = [(self._rung(dearest, model, long), model) for model in models]
            if any(cost is None for cost, _ in costs):
                raise PriceUnknown(f"The price of {models[0]} is unknown.", model=str(models[0]))
            most, model = max(costs, key=lambda pair: pair[0] or Decimal(0))
            dearest.append(model)
            shares[purpose] = most or Decimal(0)
        shares["answer"] = dearest_usd(servers_of(author), request) or Decimal(0)
        asker = self._asker
        reservation = budget_reserve(
            team_id=asker.team_id,
            owner_id=asker.owner_id,
            key_id=asker.key_id,
            amount_usd=sum(shares.values(), Decimal(0)),
            model_name=str(author),
            purpose="verified",
            linked_execution=self._ready.execution.public_id,
        )
        return reservation, shares

    @staticmethod
    def _rung(below: list[AIModel], model: AIModel, request: ChatRequest) -> Decimal | None:
        """What `model` costs at most after those below it on the ladder have written."""
        upper, lower = ladder_usd([*below, model], request), ladder_usd(below, request)
        return None if upper is None or lower is None else upper - lower

    def _checkers_and_judges(self, author: AIModel, personas: list[Persona]) -> tuple[list[AIModel], list[AIModel]]:
        """Whom the cast would ask, as far as it can be known before there is an answer."""
        usable = [candidate for candidate in self._ready.candidates if not candidate.unavailable]
        task = TaskSpec(self._prompt.id, "", "", self._prompt.category or "general", Policy(on_too_few_models="continue"))
        question = PlannedSubtask(order=1, title="Answer", description="", asked_executor=str(author.public_id))
        cast = cast_from(usable, task, question, (), personas)
        rows = self._ready.rows
        checkers = [rows[model.id] for model in cast.checkers if model.family != author.family][:CHECKERS_IN_SIGHT]
        judges = [rows[model.id] for model in cast.judges if model.family != author.family][:CHECKERS_IN_SIGHT]
        return checkers, judges
