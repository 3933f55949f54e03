"""Each call of an AI and what it cost, for the page that answers "what was that for?"."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.models import User
from apps.common.errors import BadInput
from apps.common.lookups import access_row
from apps.providers.models import CreditUsage
from apps.providers.selectors import cost_words
from apps.tasks.models import Task, TaskExecution

PERIODS = ("today", "week", "month", "year", "")
STATES = ("", "failed", "unpriced")
MOST_MODELS = 8


@dataclass(frozen=True)
class SpendQuery:
    """What is asked for. `period` "": since ever."""

    period: str = "month"
    provider: str = ""
    model: str = ""
    person: str = ""
    purpose: str = ""
    state: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> SpendQuery:
        """From an address. Raises BadInput that names the field that cannot be used."""
        query = cls(**{one.name: str(asked.get(one.name, one.default)).strip()[:200] for one in fields(cls)})
        if query.period not in PERIODS:
            raise BadInput(_("A period is one of: %(known)s.") % {"known": ", ".join(filter(None, PERIODS))}, field="period")
        if query.state not in STATES:
            raise BadInput(_("A state is one of: %(known)s.") % {"known": ", ".join(filter(None, STATES))}, field="state")
        if query.person:
            _as_uuid(query.person, "person")
        return query

    @property
    def first(self) -> datetime | None:
        today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        starts = {
            "today": today,
            "week": today - timedelta(days=6),
            "month": today.replace(day=1),
            "year": today - timedelta(days=364),
        }
        return starts.get(self.period)


def _as_uuid(text: str, field: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise BadInput(_("“%(text)s” is not an id.") % {"text": text[:60]}, field=field) from error


def calls_visible(actor: Actor) -> QuerySet[CreditUsage]:
    """The team's calls for admins, the own ones for everybody else."""
    rows = CreditUsage.objects.filter(team=actor.team)
    return rows if actor.can_manage else rows.filter(owner=actor.user)


def access_call(actor: Actor, public_id: uuid.UUID) -> CreditUsage:
    return access_row(calls_visible(actor).select_related("owner", "model"), public_id, _("There is no such call."))


def calls_found(actor: Actor, query: SpendQuery) -> QuerySet[CreditUsage]:
    """The calls that were asked for, in no order."""
    rows = calls_visible(actor)
    if query.first:
        rows = rows.filter(created_at__gte=query.first)
    if query.provider:
        rows = rows.filter(provider_name=query.provider)
    if query.model:
        rows = rows.filter(model_key=query.model)
    if query.purpose:
        rows = rows.filter(purpose=query.purpose)
    if query.person:
        rows = rows.filter(owner=User.objects.filter(public_id=query.person).values_list("pk", flat=True).first() or 0)
    if query.state == "failed":
        rows = rows.exclude(error_code="")
    if query.state == "unpriced":
        rows = rows.filter(cost_usd=None, error_code="")
    return rows


def spend_total(rows: QuerySet[CreditUsage]) -> dict[str, Any]:
    """{cost_usd, calls, unpriced} of what was asked for. One query."""
    unpriced = Count("pk", filter=Q(cost_usd__isnull=True, error_code=""))
    found = rows.order_by().aggregate(unpriced=unpriced, calls=Count("pk"), total=Sum("cost_usd"))
    return {"cost_usd": found["total"] or Decimal(0), "calls": found["calls"], "unpriced": found["unpriced"]}


def spend_by_model(rows: QuerySet[CreditUsage]) -> list[dict[str, Any]]:
    """The dearest models: {provider_name, model_key, cost_usd, calls}. One query."""
    grouped = rows.order_by().values("provider_name", "model_key").annotate(total=Sum("cost_usd"), calls=Count("pk"))
    found: list[dict[str, Any]] = [{**row, "cost_usd": row["total"]} for row in grouped]
    return sorted(found, key=lambda row: (-(row["cost_usd"] or 0), row["model_key"]))[:MOST_MODELS]


def call_rows(actor: Actor, calls: list[CreditUsage]) -> list[dict[str, Any]]:
    """Calls as they are shown, each with the way to what it was made for. Two queries."""
    wanted = {call.linked_execution for call in calls if call.linked_execution}
    tasks = dict(Task.objects.filter(team=actor.team, deleted_at=None, public_id__in=wanted).values_list("public_id", "title"))
    prompts = set(
        TaskExecution.objects.filter(team=actor.team, public_id__in=wanted - set(tasks)).values_list("public_id", flat=True)
    )
    return [
        {
            "id": call.public_id,
            "created_at": call.created_at,
            "purpose": call.purpose,
            "provider": call.provider_name,
            "model": call.model_key,
            "person": call.owner.short_name if call.owner else "",
            "input_tokens": call.input_tokens,
            "output_tokens": call.output_tokens,
            "cached_tokens": call.cached_tokens,
            "reasoning_tokens": call.reasoning_tokens,
            "is_estimated": call.is_estimated,
            "cost": call.cost_usd,
            "cost_note": cost_words(call),
            "latency_ms": call.latency_ms,
            "first_token_ms": call.first_token_ms,
            "attempts": call.attempts,
            "error_code": call.error_code,
            "task": call.linked_execution if call.linked_execution in tasks else None,
            "task_title": tasks.get(call.linked_execution, "") if call.linked_execution else "",
            "prompt": call.linked_execution if call.linked_execution in prompts else None,
            "by_key": call.key_id is not None,
        }
        for call in calls
    ]
