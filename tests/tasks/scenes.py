"""Tasks in every state that a page can meet, made with the models alone."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Membership, Role, Team, User
from apps.providers.models import AIModel, CreditUsage, Provider
from apps.tasks.logbook import log_write
from apps.tasks.models import Call, ExecutionLog, Step, Subtask, Task


def make_actor(
    email: str = "ana@example.org", *, team: Team | None = None, role: str = Role.OWNER, name: str = "Ana Souza"
) -> Actor:
    user = User.objects.filter(email=email).first() or User.objects.create_user(email, "correct horse battery", name=name)
    team = team or Team.objects.create(name=f"{name}’s team", set_up_at=timezone.now())
    Membership.objects.get_or_create(user=user, team=team, defaults={"role": role})
    return Actor(user=user, team=team, role=role)


def make_model(actor: Actor, key: str, *, provider: str = "openrouter", label: str = "", **extra: Any) -> AIModel:
    server, _ = Provider.objects.get_or_create(
        team=actor.team,
        name=provider,
        defaults={
            "owner": actor.user,
            "display_name": provider.title(),
            "kind": "openai_compatible",
            "base_url": "http://127.0.0.1:9",
        },
    )
    defaults = {"display_name": label or key, "family": key, "capabilities": ["chat", "json"], "tier": "balanced"}
    return AIModel.objects.create(provider=server, key=key, **{**defaults, **extra})


@dataclass
class Cast:
    author: AIModel
    checker: AIModel
    judge: AIModel


def make_cast(actor: Actor) -> Cast:
    return Cast(
        make_model(actor, "qwen3-8b", provider="lmstudio", label="Qwen3 8B", price_input=Decimal(0), price_output=Decimal(0)),
        make_model(actor, "mistral-small-24b", provider="mistral", label="Mistral Small 24B", price_input=Decimal("0.1")),
        make_model(actor, "claude-sonnet", provider="anthropic", label="Claude Sonnet", tier="top", price_input=Decimal(3)),
    )


def make_task(actor: Actor, title: str = "Compare two databases for a small shop", **extra: Any) -> Task:
    defaults = {"description": f"{title}. Say which one you would take, with reasons, in under 200 words.", "status": "pending"}
    return Task.objects.create(owner=actor.user, team=actor.team, title=title, **{**defaults, **extra})


def make_subtask(task: Task, order: int, title: str, *, needs: tuple[Subtask, ...] = (), **extra: Any) -> Subtask:
    for seat in ("executor", "validator", "tie_breaker"):
        if extra.get(seat):
            extra.setdefault(f"{seat}_family", extra[seat].family)
    defaults = {"description": f"{title}, carefully.", "acceptance_criteria": ["Names both sides", "Gives reasons"]}
    subtask = Subtask.objects.create(task=task, order=order, title=title, **{**defaults, **extra})
    subtask.depends_on.set(needs)
    return subtask


def make_call(
    task: Task,
    key: str,
    model: AIModel | None,
    text: str = "",
    *,
    subtask: Subtask | None = None,
    at: datetime | None = None,
    **extra: Any,
) -> Call:
    """A step with one finished call, its usage and its cost; `status="started"` leaves it open."""
    step_key, stage = key.partition("#")[0], key.partition("#")[0].rpartition("/")[2]
    began = at or timezone.now() - timedelta(seconds=30)
    took_ms, cost, status = extra.pop("took_ms", 4_200), extra.pop("cost", Decimal("0.0011")), extra.pop("status", "done")
    is_open = status == "started"
    ended = None if is_open else began + timedelta(milliseconds=took_ms)
    Step.objects.get_or_create(
        task=task,
        key=step_key,
        defaults={
            "subtask": subtask,
            "stage": stage,
            "started_at": began,
            "finished_at": ended,
            "result": extra.pop("result", None if is_open else {"text": text}),
        },
    )
    usage = None
    if not is_open and model:
        usage = CreditUsage.objects.create(
            team=task.team,
            owner=task.owner,
            model=model,
            provider_name=model.provider.name,
            model_key=model.key,
            purpose=stage,
            linked_execution=task.public_id,
            input_tokens=412,
            output_tokens=188,
            cost_usd=cost,
            latency_ms=took_ms,
            first_token_ms=320,
            error_code=extra.get("error_code", ""),
        )
    return Call.objects.create(
        public_id=uuid.uuid4(),
        task=task,
        subtask=subtask,
        key=key if "#" in key else f"{key}#1",
        purpose=stage,
        model=model,
        model_name=str(model or "gone"),
        status=status,
        text=text,
        usage=usage,
        started_at=began,
        finished_at=ended,
        request=[
            {"role": "system", "content": "You do one step of a larger task."},
            {"role": "user", "content": f"Step: {step_key}"},
        ],
        **extra,
    )


def log(
    task: Task, event: str, message: str, *, level: str = "info", subtask: Subtask | None = None, **data: Any
) -> ExecutionLog:
    return log_write(task, event, message=message, level=level, subtask=subtask, data=data)


ANSWER = """## Take PostgreSQL

For a small shop that expects to grow, **PostgreSQL** is the safer choice:

1. It refuses wrong data (constraints, types) before it costs money.
2. One backup command covers everything; point-in-time recovery is built in.
3. Both run on the same 5 US$ machine, so price does not decide.

MySQL is as good if your host offers *only* MySQL.

| | PostgreSQL | MySQL |
|---|---|---|
| Strictness | high | medium |
| Hosting | common | everywhere |
"""
DRAFT = "A shop that sells in the European Union names who keeps the data, why, for how long, and to whom it goes. Customers may"


def completed(actor: Actor, cast: Cast) -> Task:
    """Three steps, all checked, one disputed and settled in favour of the author."""
    start = timezone.now() - timedelta(minutes=3)
    task = make_task(
        actor,
        status="completed",
        result=ANSWER,
        confidence=Decimal("91"),
        started_at=start,
        finished_at=start + timedelta(seconds=64),
        plan={"subtasks": [], "planned_by": None, "is_fallback": False, "note": ""},
        category="research",
    )
    make_call(task, "plan", cast.judge, '{"subtasks": […]}', at=start, cost=Decimal("0.0062"), took_ms=3_100)
    seats = {"executor": cast.author, "validator": cast.checker}
    done = {"status": "completed", "attempts": 1, "cross_validated": True}
    verdict = {
        "score": 92,
        "criteria": [
            {"criterion": "Names both sides", "score": 95, "comment": "Both are named."},
            {"criterion": "Gives reasons", "score": 88, "comment": ""},
        ],
        "defects": [],
        "own_answer": None,
        "summary": "Sound and complete.",
    }
    first = make_subtask(
        task,
        1,
        "What the shop needs",
        result="- about 2,000 orders a month\n- one machine",
        divergence=Decimal("6"),
        confidence=Decimal("94"),
        verdict=verdict,
        started_at=start + timedelta(seconds=4),
        finished_at=start + timedelta(seconds=18),
        **seats,
        **done,
    )
    second = make_subtask(
        task,
        2,
        "Compare the two",
        needs=(first,),
        result="PostgreSQL is stricter; MySQL is hosted everywhere.",
        divergence=Decimal("38"),
        confidence=Decimal("82"),
        tie_breaker=cast.judge,
        tie_break={
            "winner": "executor",
            "reason": "A is right: strict mode is the default since "
            "MySQL 5.7, but only PostgreSQL checks types of expressions. B's quote is not in the sources.",
            "answer": "",
        },
        verdict={
            **verdict,
            "score": 55,
            "summary": "One claim is out of date.",
            "defects": [
                {"problem": "MySQL has strict mode too, since 5.7.", "quote": "MySQL is hosted everywhere", "severity": "major"}
            ],
        },
        divergence_parts={"verdict": 45, "answers": 31},
        started_at=start + timedelta(seconds=18),
        finished_at=start + timedelta(seconds=47),
        **seats,
        **done,
    )
    third = make_subtask(
        task,
        3,
        "Recommend one",
        needs=(first, second),
        result=ANSWER,
        divergence=Decimal("9"),
        confidence=Decimal("91"),
        verdict=verdict,
        started_at=start + timedelta(seconds=47),
        finished_at=start + timedelta(seconds=63),
        **seats,
        **done,
    )
    for number, subtask in enumerate((first, second, third), 1):
        at = subtask.started_at
        make_call(
            task, f"s{number}.r1.a1/execute", cast.author, subtask.result, subtask=subtask, at=at, cost=Decimal(0), took_ms=6_400
        )
        make_call(
            task,
            f"s{number}.r1.a1/validate",
            cast.checker,
            '{"score": 92}',
            subtask=subtask,
            at=at + timedelta(seconds=7),
            took_ms=4_900,
        )
    make_call(
        task,
        "s2.r1.a1/tie-break",
        cast.judge,
        '{"winner": "A"}',
        subtask=second,
        at=second.started_at + timedelta(seconds=13),
        cost=Decimal("0.0059"),
    )
    log(task, "started", "A worker took the task up.")
    log(task, "plan_made", "Claude Sonnet planned three steps.")
    log(task, "disputed", "The checker disagrees by 38 %; the limit is 20 %.", subtask=second, level="warning")
    log(task, "settled", "Claude Sonnet decided for the author.", subtask=second)
    log(task, "completed", "All three steps are done.")
    return task


def running(actor: Actor, cast: Cast) -> Task:
    """One step done, one being written, one being checked, one waiting for both."""
    start = timezone.now() - timedelta(seconds=41)
    task = make_task(actor, "Write a privacy notice for the shop", status="running", started_at=start, priority=2)
    make_call(task, "plan", cast.judge, "{}", at=start, cost=Decimal("0.0058"), took_ms=2_900)
    first = make_subtask(
        task,
        1,
        "List the data that is kept",
        status="completed",
        executor=cast.author,
        validator=cast.checker,
        cross_validated=True,
        divergence=Decimal("4"),
        confidence=Decimal("95"),
        result="Names, addresses, orders.",
        started_at=start + timedelta(seconds=3),
        finished_at=start + timedelta(seconds=15),
        attempts=1,
    )
    second = make_subtask(
        task,
        2,
        "Say what the law asks",
        needs=(first,),
        status="running",
        executor=cast.author,
        started_at=start + timedelta(seconds=16),
    )
    third = make_subtask(
        task,
        3,
        "Say how long data is kept",
        needs=(first,),
        status="validating",
        executor=cast.author,
        validator=cast.checker,
        started_at=start + timedelta(seconds=16),
    )
    make_subtask(task, 4, "Put the notice together", needs=(second, third))
    make_call(task, "s1.r1.a1/execute", cast.author, "Names, addresses, orders.", subtask=first, at=first.started_at)
    make_call(task, "s1.r1.a1/validate", cast.checker, "{}", subtask=first, at=first.started_at + timedelta(seconds=5))
    make_call(task, "s2.r1.a1/execute", cast.author, DRAFT, subtask=second, at=second.started_at, status="started")
    make_call(task, "s3.r1.a1/execute", cast.author, "Ten years for invoices.", subtask=third, at=third.started_at)
    make_call(
        task,
        "s3.r1.a1/validate",
        cast.checker,
        '{"criteria": [',
        subtask=third,
        at=third.started_at + timedelta(seconds=7),
        status="started",
    )
    log(task, "started", "A worker took the task up.")
    return task


def too_few_models(actor: Actor, cast: Cast) -> Task:
    start = timezone.now() - timedelta(minutes=12)
    task = make_task(
        actor,
        "Translate the return policy into Portuguese",
        status="paused",
        error_code="too_few_models",
        started_at=start,
        error="Qwen3 8B can write this, but there is no model of another family that could check it.",
    )
    make_subtask(task, 1, "Translate", status="running", executor=None, started_at=start)
    log(task, "paused", "Nobody could check the work; the task waits for you.", level="warning")
    return task


def failed(actor: Actor, cast: Cast) -> Task:
    start = timezone.now() - timedelta(hours=2)
    task = make_task(
        actor,
        "Summarise the price list of a supplier",
        status="failed",
        error_code="subtasks_failed",
        started_at=start,
        error_data={"failed": {"1": {"code": "no_model_answered", "message": "", "tried": {"Mistral": "key is wrong (401)."}}}},
        finished_at=start + timedelta(seconds=95),
        error="subtasks failed",
    )
    first = make_subtask(
        task,
        1,
        "Read the list",
        status="failed",
        executor=cast.checker,
        attempts=3,
        started_at=start,
        finished_at=start + timedelta(seconds=90),
        error="Every model that could do it failed: Mistral Small 24B: the key is wrong (401).",
    )
    make_subtask(task, 2, "Summarise it", needs=(first,), status="skipped")
    make_call(
        task,
        "s1.r1.a1/execute",
        cast.checker,
        "",
        subtask=first,
        at=start,
        status="failed",
        cost=None,
        error="The key is wrong (401). Put in a new one on the provider's page.",
        error_code="authentication",
    )
    log(task, "failed", "Step 1 failed.", level="error", subtask=first)
    return task


def awaiting_approval(actor: Actor, cast: Cast) -> Task:
    steps = [
        {
            "order": 1,
            "title": "Collect the facts",
            "description": "List opening hours, address, parking.",
            "category": "general",
            "depends_on": [],
            "acceptance_criteria": ["Every fact has a source"],
        },
        {
            "order": 2,
            "title": "Write the page",
            "description": "Write it in plain words, under 150 words.",
            "category": "general",
            "depends_on": [1],
            "acceptance_criteria": ["Under 150 words"],
        },
    ]
    planner = {"id": str(cast.judge.public_id), "provider": "anthropic", "model": "claude-sonnet"}
    task = make_task(
        actor,
        "A contact page for the shop",
        status="awaiting_approval",
        approve_plan=True,
        started_at=timezone.now(),
        plan={"subtasks": steps, "planned_by": planner, "is_fallback": False, "note": ""},
    )
    make_call(task, "plan", cast.judge, "{}", cost=Decimal("0.0049"))
    return task


def everything(actor: Actor) -> dict[str, Task]:
    cast = make_cast(actor)
    scenes = (completed, running, too_few_models, failed, awaiting_approval)
    return {scene.__name__: scene(actor, cast) for scene in scenes}
