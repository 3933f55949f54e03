"""One prompt, from question to answer (COMET): analyse → select → execute → evaluate → escalate or return.

Read `route` from top to bottom. What is asked costs money and is kept; every step is a record in the audit log.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Protocol

from apps.common.contract import joined
from apps.common.errors import OrquestradorError
from apps.providers.contract import ChatRequest, Completion, Delta
from apps.providers.errors import ProviderError
from apps.tasks.engine.confidence import confidence_of
from apps.tasks.engine.context import Context
from apps.tasks.engine.errors import Failure, NoModel, NoModelAnswered, OverBudget, RunawayAnswer
from apps.tasks.engine.ports import Evidence
from apps.tasks.engine.routing.escalate import next_step, start_higher
from apps.tasks.engine.routing.select import analyse, select
from apps.tasks.engine.routing.types import (
    Attempt,
    Cached,
    Escalation,
    Needs,
    Routed,
    RoutedPrompt,
    RouteSettings,
    Rule,
    SecondOpinion,
    Selection,
)
from apps.tasks.engine.routing.verify import second_opinion
from apps.tasks.engine.routing.weighing import weigh_answer
from apps.tasks.engine.types import Answer, Candidate, ModelRef, Persona, Policy, Prompt, TaskSpec

MODELS_TO_TRY = 6  # that failed without an answer; more would only make a person wait


class RoutePort(Protocol):
    """What the route needs from outside. Raises ProviderError from `ask`, OverBudget before anything is spent."""

    settings: RouteSettings
    rules: Sequence[Rule]
    chance: float  # 0 to 1, drawn for this prompt

    async def candidates(self) -> list[Candidate]: ...
    async def personas(self) -> list[Persona]: ...
    async def ask(
        self, model: ModelRef, request: ChatRequest, *, purpose: str, is_shown: bool
    ) -> tuple[Completion, Decimal | None]: ...
    async def record(self, category: str, **data: Any) -> None: ...
    async def evidence(self) -> Evidence | None: ...
    async def cached(self, prompt: RoutedPrompt, needs: Needs, selection: Selection) -> Cached | None: ...
    def show(self, item: Delta) -> None: ...
    def coin(self, what: str) -> bool: ...


async def route(prompt: RoutedPrompt, ctx: RouteContext) -> Routed:
    """The best answer that strategy, rules and budget allow, with all that led to it.

    Raises NoModel when nothing can be asked, NoModelAnswered when all that were asked failed, OverBudget.
    """
    needs = await _analysed(prompt, ctx)
    selection = await _selected(prompt, needs, ctx)
    if cached := await ctx.port.cached(prompt, needs, selection):
        await ctx.record("cache", kind=cached.kind, model=cached.by.label, saved_usd=cached.saved_usd, likeness=cached.likeness)
        said, by = cached.completion, cached.by
        return Routed(said, by, cached.confidence, needs, selection, verified=cached.verified, cached=cached)
    attempts, escalations = await _answered(prompt, needs, selection, ctx)
    best = max((attempt for attempt in attempts if attempt.completion), key=lambda attempt: attempt.confidence)
    routed = Routed(
        completion=typing.cast(Completion, best.completion),
        by=best.model,
        confidence=best.confidence,
        needs=needs,
        selection=selection,
        attempts=tuple(attempts),
        escalations=tuple(escalations),
    )
    return await _verified(prompt, best, routed, ctx) if prompt.verify else routed


async def _analysed(prompt: RoutedPrompt, ctx: RouteContext) -> Needs:
    needs = analyse(prompt, ctx.port.settings)
    await ctx.record(
        "complexity_analysis",
        complexity=needs.complexity.score,
        task_type=needs.category,
        tier=needs.tier,
        capabilities=list(needs.capabilities),
        tokens=needs.tokens,
        features={feature.name: feature.contribution for feature in needs.complexity.features},
    )
    return needs


async def _selected(prompt: RoutedPrompt, needs: Needs, ctx: RouteContext) -> Selection:
    candidates = await ctx.candidates()
    selection = select(prompt, needs, candidates, ctx.port.settings, chance=ctx.port.chance)
    if selection.ranked and not prompt.forced_model:
        selection = _begun_higher(selection, needs, candidates, ctx)
    rejected = {item.model.label: item.reason for item in selection.considered if item.reason}
    chosen = selection.ranked[0].label if selection.ranked else ""
    await ctx.record("provider_selection", chosen=chosen, strategy=prompt.strategy, rejected=rejected)
    if not selection.ranked:
        raise NoModel("no model can answer this", rejected=rejected)
    return selection


def _begun_higher(selection: Selection, needs: Needs, candidates: list[Candidate], ctx: RouteContext) -> Selection:
    """Where a rule says that so hard a prompt begins higher, the model it names goes first."""
    first = selection.ranked[0]
    target = start_higher(needs, first, ctx.port.rules, candidates)
    if target is None:
        return selection
    ranked = (target, *(model for model in selection.ranked if model.id != target.id))
    considered = tuple(replace(item, is_chosen=item.model.id == target.id) for item in selection.considered)
    return replace(selection, ranked=ranked, considered=considered)


async def _answered(
    prompt: RoutedPrompt, needs: Needs, selection: Selection, ctx: RouteContext
) -> tuple[list[Attempt], list[Escalation]]:
    """Attempts until one stands. An escalation that fails leaves the answer that there was."""
    attempts: list[Attempt] = []
    escalations: list[Escalation] = []
    model: ModelRef | None = selection.ranked[0]
    while model is not None and len(attempts) < MODELS_TO_TRY:
        try:
            attempts.append(await _attempt(prompt, needs, model, ctx))
        except OverBudget:
            if not any(attempt.completion for attempt in attempts):
                raise
            break  # what there is stands; a rise that cannot be paid is no rise
        step = next_step(attempts, ctx.port.rules, needs, await ctx.candidates(), ctx.port.settings)
        if step is not None and _may_rise(prompt, attempts, ctx):
            await _tell_rise(step, ctx)
            escalations.append(step)
            model = step.to_model
        elif attempts[-1].completion is None and not any(attempt.completion for attempt in attempts):
            model = _next_in_line(selection, attempts)
        else:
            model = None
    if not any(attempt.completion for attempt in attempts):
        said = {attempt.model.label: attempt.error for attempt in attempts}
        raise NoModelAnswered(joined(joined((name, error), ": ") for name, error in said.items()), tried=said)
    return attempts, escalations


async def _attempt(prompt: RoutedPrompt, needs: Needs, model: ModelRef, ctx: RouteContext) -> Attempt:
    try:
        completion, cost = await ctx.port.ask(model, prompt.request, purpose="answer", is_shown=True)
    except (ProviderError, Failure) as error:
        await ctx.record("error", model=model.label, code=error.code, message=error.message)
        cut = error.extra.get("partial") if isinstance(error, RunawayAnswer) else None
        return Attempt(model, error_code=error.code, error=error.message, partial=cut.text if cut else "")
    await ctx.record(
        "task_execution",
        model=model.label,
        latency_ms=completion.latency_ms,
        input_tokens=completion.usage.input_tokens,
        output_tokens=completion.usage.output_tokens,
        is_estimated=completion.usage.is_estimated,
        cost_usd=cost,
    )
    weighed = await weigh_answer(prompt, model, completion, ctx.port.evidence)
    signals = {signal.name: signal.contribution for signal in weighed.trust.signals}
    against = {finding.kind: finding.score for finding in weighed.findings.items}
    await ctx.record(
        "confidence_evaluation", model=model.label, confidence=weighed.trust.score, signals=signals, found=against or None
    )
    return Attempt(model, completion, weighed.trust, cost_usd=cost, findings=weighed.findings)


def _may_rise(prompt: RoutedPrompt, attempts: list[Attempt], ctx: RouteContext) -> bool:
    """Not for a forced model, nor when a reader who cannot take words back has seen them, nor beyond the most cost."""
    if prompt.forced_model or (attempts[-1].completion and (not prompt.may_restart or attempts[-1].completion.tool_calls)):
        return False
    most = ctx.port.settings.max_cost_usd
    spent = sum((attempt.cost_usd or Decimal(0) for attempt in attempts), Decimal(0))
    return most is None or spent < most


async def _tell_rise(step: Escalation, ctx: RouteContext) -> None:
    await ctx.record(
        "escalation",
        from_model=step.from_model.label,
        to_model=step.to_model.label,
        trigger=step.trigger,
        rule=step.rule.name,
        reason=step.reason,
    )
    if step.previous.completion is not None:
        ctx.port.show(Delta(restarted=True))


def _next_in_line(selection: Selection, attempts: list[Attempt]) -> ModelRef | None:
    tried = {attempt.model.id for attempt in attempts}
    return next((model for model in selection.ranked if model.id not in tried), None)


async def _verified(prompt: RoutedPrompt, best: Attempt, routed: Routed, ctx: RouteContext) -> Routed:
    """The answer after a different AI has read it; with the checker's own answer where a third found that to be right."""
    if routed.completion.tool_calls:
        return replace(routed, verified="could_not", why_not_verified="tool_calls")
    try:
        opinion = await second_opinion(prompt, best, ctx)
    except OrquestradorError as error:
        await ctx.record("error", code=error.code, message=error.message, while_="verifying")
        return replace(routed, verified="could_not", why_not_verified=error.code)
    verdict, ruling = opinion.check.verdict, opinion.settlement.ruling
    if verdict is None:
        return replace(routed, verified="could_not", why_not_verified=opinion.check.reason_not, opinion=opinion)
    await ctx.record("validation", model=verdict.by.label, score=verdict.score, divergence=opinion.divergence)
    if ruling is not None:
        await ctx.record("tie_break", model=ruling.by.label, winner=ruling.winner, reason=ruling.reason)
    return _with_opinion(routed, opinion)


def _with_opinion(routed: Routed, opinion: SecondOpinion) -> Routed:
    """What the opinion makes of the answer. How far it can be trusted is computed as for a task's step."""
    ruling, verdict, own_answer = opinion.settlement.ruling, opinion.check.verdict, opinion.check.other_answer
    is_replaced = ruling is not None and ruling.winner == "checker" and own_answer is not None and verdict is not None
    confidence = confidence_of(opinion.findings, opinion.check, opinion.settlement, is_replaced=is_replaced)
    routed = replace(routed, opinion=opinion, confidence=confidence.value, confidence_parts=confidence.parts)
    if ruling is None and opinion.settlement.reason_not != "in_agreement":
        return replace(routed, verified="could_not", why_not_verified=opinion.settlement.reason_not)
    if ruling is not None and ruling.winner == "neither":
        return replace(routed, verified="could_not", why_not_verified="both_were_wrong")
    if ruling is not None and ruling.winner == "checker":
        if own_answer is None or verdict is None:
            return replace(routed, verified="could_not", why_not_verified="checker_was_right")
        return replace(routed, completion=replace(routed.completion, text=own_answer), by=verdict.by, verified="yes")
    return replace(routed, verified="yes")


class RouteContext:
    """What the stages of a route share. It speaks a task's verbs too, so that checking and settling are the same as there."""

    def __init__(self, prompt: RoutedPrompt, port: RoutePort) -> None:
        self.prompt, self.port = prompt, port
        self._candidates: list[Candidate] | None = None
        self.task = TaskSpec(
            id=prompt.id,
            title=prompt.text[:80],
            description=prompt.text,
            category=prompt.category or "general",
            policy=Policy(divergence_threshold=port.settings.divergence_threshold, on_too_few_models="continue"),
        )

    async def candidates(self) -> list[Candidate]:
        if self._candidates is None:
            self._candidates = await self.port.candidates()
        return self._candidates

    async def personas(self) -> list[Persona]:
        return await self.port.personas()

    async def record(self, category: str, **data: Any) -> None:
        await self.port.record(category, **data)

    # ── a task's verbs ────────────────────────────────────────────────────────────────────────────────────────────

    def as_task_context(self) -> Context:
        return typing.cast(Context, self)  # validate and settle use nothing of a Context but what follows

    async def ask(self, model: ModelRef, prompt: Prompt) -> Answer:
        request = ChatRequest(
            model=model.model,
            messages=prompt.messages,
            max_output_tokens=prompt.max_output_tokens,
            temperature=prompt.temperature,
            json_schema=prompt.json_schema,
            schema_name=prompt.schema_name,
        )
        completion, _ = await self.port.ask(model, request, purpose=prompt.schema_name, is_shown=False)
        return Answer(model, completion)

    async def note(self, event: str, **data: Any) -> None:
        await self.port.record("validation", event=event, **data)

    def coin(self, what: str) -> bool:
        return self.port.coin(what)
