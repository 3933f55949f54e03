"""A finished answer that a person gives to a stronger model: the new one takes its place, the old one is kept as history."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from apps.common.db import in_db
from apps.common.errors import Conflict
from apps.common.machine import holder
from apps.common.said import gettext as _
from apps.providers.calls import Calls
from apps.providers.contract import Completion, Usage
from apps.tasks.engine.route import RouteContext, RoutePort, route
from apps.tasks.engine.routing.escalate import BY_HAND, rise_by_hand
from apps.tasks.engine.routing.select import analyse
from apps.tasks.engine.routing.types import Attempt, Escalation, RoutedPrompt, Rule
from apps.tasks.engine.trust.assess import Trust
from apps.tasks.engine.types import ModelRef
from apps.tasks.models import TaskExecution
from apps.tasks.runner.ais import ref_of
from apps.tasks.runner.execution_ends import execution_answered
from apps.tasks.runner.executions import Asker, Diary, Ready, ready_for
from apps.tasks.runner.route_json import prompt_again
from apps.tasks.runner.route_port import DatabasePort
from apps.tasks.runner.routing import Finished, begun, finished, in_words, keep_error, refused_by_budget, within_time


async def escalate_by_hand(asker: Asker, execution: TaskExecution, *, model: str = "") -> Finished:
    """The answer of the model whose public id is `model`, or else of whom a rule names, or the next stronger one.

    When that one fails the answer stays as it is. Raises Conflict where there is nothing to escalate or nobody to escalate to,
    and what `stream_route` raises.
    """
    diary = Diary(asker)
    ready, step = await begun(
        in_db(_claimed, asker, execution, model), lambda claimed: keep_error(claimed[0], diary, asyncio.CancelledError())
    )
    prompt = prompt_again(execution, forced_model=step.to_model.id)
    diary.record(
        "escalation",
        from_model=step.from_model.label,
        to_model=step.to_model.label,
        trigger=step.trigger,
        rule=step.rule.name,
        reason=step.reason,
    )
    calls, began = Calls(), time.monotonic()
    port = DatabasePort(asker, prompt, ready, diary, calls, lambda item: None)
    try:
        routed = await within_time(route(prompt, RouteContext(prompt, cast(RoutePort, port))))
        diary.needs, diary.took_ms = routed.needs, round((time.monotonic() - began) * 1000)
        totals = await asyncio.shield(in_db(execution_answered, ready, routed, diary, rises=[step]))
    except BaseException as error:
        diary.took_ms = round((time.monotonic() - began) * 1000)
        await asyncio.shield(in_db(keep_error, ready, diary, error))
        if (refused := refused_by_budget(error)) is not None:
            raise refused from None
        in_words(error, execution.public_id)
        raise
    finally:
        await asyncio.shield(calls.aclose())
    return finished(routed, ready, totals, diary)


def _claimed(asker: Asker, execution: TaskExecution, model: str) -> tuple[Ready, Escalation]:
    """Nobody else is at it from here on; the end of the route lets go of it."""
    if any(message.get("images") for message in execution.messages):
        raise Conflict(_("Images are not kept with a prompt. Ask it anew, with another model."))
    ready = ready_for(asker, execution, forced_model=model)
    step = _step(ready, model)
    free = TaskExecution.objects.filter(pk=execution.pk, held_by="", status__in=TaskExecution.ANSWERED)
    if not free.update(held_by=holder(), status=TaskExecution.Status.PROCESSING):
        raise Conflict(_("Only a finished answer can be escalated, and only once at a time."))
    return ready, step


def _step(ready: Ready, model: str) -> Escalation:
    execution = ready.execution
    tried = _tried(execution)
    prompt = prompt_again(execution, forced_model="")
    to, rule = _target(ready, prompt, tried, model)
    if to is None:
        raise Conflict(_("There is no stronger model that has not answered this yet. Add one, or switch one on."))
    usage = Usage(execution.input_tokens, execution.output_tokens)
    previous = Attempt(
        model=tried[-1],
        completion=Completion(execution.output, "stop", usage, tried[-1].model),
        trust=None if execution.confidence is None else Trust(float(execution.confidence), ()),
        cost_usd=execution.cost_usd,
    )
    return Escalation(tried[-1], to, "manual", rule, _reason(execution), previous)


def _target(ready: Ready, prompt: RoutedPrompt, tried: list[ModelRef], model: str) -> tuple[ModelRef | None, Rule]:
    if model:
        return next((c.ref for c in ready.candidates if c.ref.id == model and not c.unavailable), None), BY_HAND
    needs = analyse(prompt, ready.settings)
    for rule in [rule for rule in ready.rules if rule.trigger == "manual"]:
        if to := rise_by_hand(tried, needs, ready.candidates, rule):
            return to, rule
    return rise_by_hand(tried, needs, ready.candidates), BY_HAND


def _reason(execution: TaskExecution) -> str:
    return "" if execution.confidence is None else f"{execution.confidence:.0f} %"


def _tried(execution: TaskExecution) -> list[ModelRef]:
    """Who has answered it, the author of what stands last. Of a model that was removed only the name is known."""
    rises = execution.escalations.select_related("from_model__provider__key", "to_model__provider__key").order_by("pk")
    models = [model for rise in rises for model in (rise.from_model, rise.to_model) if model is not None]
    found = {str(model.public_id): ref_of(model) for model in models}
    last = execution.current_model
    if last is None:
        return [*found.values(), ModelRef("", "", execution.model_name, execution.model_name, "", tier="local")]
    found.pop(str(last.public_id), None)
    return [*found.values(), ref_of(last)]
