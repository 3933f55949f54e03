"""An answer that stands already is read by a different AI, and by a third where they disagree: the route's second opinion."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from django.utils import timezone

from apps.chat import answering
from apps.chat.models import Message
from apps.common.db import in_db
from apps.common.errors import Conflict, OrquestradorError
from apps.common.said import gettext as _
from apps.providers.calls import Calls
from apps.providers.contract import Completion, Usage
from apps.providers.models import CreditUsage
from apps.tasks.engine.confidence import confidence_of
from apps.tasks.engine.route import RouteContext, RoutePort
from apps.tasks.engine.routing.types import Attempt, RoutedPrompt, SecondOpinion
from apps.tasks.engine.routing.verify import second_opinion
from apps.tasks.engine.types import ModelRef
from apps.tasks.runner.ais import ref_of
from apps.tasks.runner.executions import Asker, Diary, Ready, ready_for
from apps.tasks.runner.route_json import prompt_again
from apps.tasks.runner.route_port import DatabasePort
from apps.tasks.services.verdicts import verdict_of_prompt


def claim(owner: str, room: int) -> list[int]:
    """Up to `room` answers that wait to be checked, now leased to `owner`."""
    taken = []
    for pk in list(Message.objects.filter(check_state="queued").order_by("pk").values_list("pk", flat=True)[:room]):
        waiting = Message.objects.filter(pk=pk, check_state="queued")
        if waiting.update(check_state="running", lease_owner=owner, lease_until=answering.lease_end()):
            taken.append(pk)
    return taken


async def check(owner: str, pk: int) -> None:
    """Ask for the second opinion and keep it. An error on purpose ends in the row."""
    try:
        asker, prompt, attempt, ready = await in_db(_prepared, pk)
        seen = await in_db(_last_call)
        opinion = await _asked(asker, prompt, attempt, ready)
        cost = await in_db(_paid, pk, after=seen)
    except OrquestradorError as error:
        await in_db(_keep, owner, pk, "could_not", {"reason": error.code, "message": error.message})
    else:
        state = "done" if opinion.check.verdict else "could_not"
        await in_db(_keep, owner, pk, state, verdict_of(opinion, cost))
        await in_db(verdict_of_prompt, ready.execution, attempt.model, opinion, threshold=ready.settings.divergence_threshold)


async def _asked(asker: Asker, prompt: RoutedPrompt, attempt: Attempt, ready: Ready) -> SecondOpinion:
    calls = Calls()
    port = DatabasePort(asker, prompt, ready, Diary(asker), calls, lambda item: None)
    try:
        return await second_opinion(prompt, attempt, RouteContext(prompt, cast(RoutePort, port)))
    finally:
        await calls.aclose()


def verdict_of(opinion: SecondOpinion, cost_usd: Decimal | None) -> dict[str, Any]:
    """What is kept of an opinion: `by`, `score` and `divergence` 0-100, `defects`, and the judge's ruling where there was one.

    `confidence` 0-100, with its parts, is what the answer is worth after it, computed as for a step of a task. `cost` None: the
    price of a call is unknown.
    """
    verdict, ruling = opinion.check.verdict, opinion.settlement.ruling
    cost = None if cost_usd is None else f"{cost_usd:.8f}"
    about: dict[str, Any] = {"cost": cost, "reason": opinion.check.reason_not, "divergence": opinion.divergence}
    if verdict is not None:
        about |= {
            "by": verdict.by.label,
            "score": verdict.score,
            "summary": verdict.summary,
            "own_answer": verdict.own_answer,
            "defects": [{"problem": one.problem, "quote": one.quote, "severity": one.severity} for one in verdict.defects],
        }
        confidence = confidence_of(opinion.findings, opinion.check, opinion.settlement, is_replaced=False)
        about["confidence"] = confidence.value
        about["confidence_parts"] = [
            {"name": part.name, "points": part.points, "detail": part.detail} for part in confidence.parts
        ]
    if ruling is not None:
        about["ruling"] = {"by": ruling.by.label, "winner": ruling.winner, "reason": ruling.reason}
    return about


def _prepared(pk: int) -> tuple[Asker, RoutedPrompt, Attempt, Ready]:
    row = Message.every.select_related("execution", "conversation", "model__provider", "asked_by").get(pk=pk)
    if row.execution is None:
        raise Conflict(_("How this answer came about is no longer on record, so it cannot be checked. Ask anew."))
    asker = Asker(row.conversation.team_id, row.asked_by_id, source="chat", actor_name=str(row.asked_by or ""))
    prompt = prompt_again(row.execution, forced_model="")
    name = row.model_name
    author = ref_of(row.model) if row.model else ModelRef("", "", name, name, "", tier="local")
    usage = Usage(row.input_tokens, row.output_tokens)
    attempt = Attempt(author, Completion(row.content, "stop", usage, author.model))
    return asker, prompt, attempt, ready_for(asker, row.execution)


def _last_call() -> int:
    return CreditUsage.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _paid(pk: int, *, after: int) -> Decimal | None:
    """What this answer's calls after that one have cost; None where a price is unknown."""
    row = Message.every.select_related("execution").get(pk=pk)
    linked = row.execution.public_id if row.execution else None
    costs = list(CreditUsage.objects.filter(linked_execution=linked, pk__gt=after).values_list("cost_usd", flat=True))
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if len(known) == len(costs) else None


def _keep(owner: str, pk: int, state: str, result: dict[str, Any]) -> None:
    """The answer's confidence becomes that of the check; its execution keeps the one that it had when it was given."""
    mine = Message.every.filter(pk=pk, lease_owner=owner, check_state="running")
    changed: dict[str, Any] = {"check_state": state, "check_result": result, "lease_owner": "", "lease_until": None}
    if "confidence" in result:
        changed["confidence"] = Decimal(str(result["confidence"]))
    mine.update(**changed)


def failed(owner: str, pk: int) -> None:
    """A bug: said as such, and in the log."""
    _keep(owner, pk, "could_not", {"reason": "unexpected"})


def give_up() -> int:
    """Checks whose worker died wait again."""
    lost = Message.every.filter(check_state="running", lease_until__lt=timezone.now())
    return lost.update(check_state="queued", lease_owner="", lease_until=None)
