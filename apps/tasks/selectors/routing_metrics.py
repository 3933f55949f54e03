"""What routing did in the last days: in all, by provider, day by day (UTC), and what it saved.

Savings are what the answers would have cost had each been written once by the ablest model in use whose price is known, with
the tokens that they really took, less what they did cost with every escalation and check. Prompts whose cost is unknown, and
answers from the cache, are left out of the comparison and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Avg, Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.providers.models import AIModel, CreditUsage
from apps.providers.models.budgets import exact
from apps.providers.selectors import provider_state, providers_visible, routable_models
from apps.tasks.models import ProviderMetric, TaskExecution
from apps.tasks.selectors.spent import money

MILLION = Decimal(1_000_000)
DONE = Q(status__in=TaskExecution.ANSWERED)


def routing_metrics(actor: Actor, days: int = 7) -> dict[str, Any]:
    """`{"days", "general", "by_provider", "daily"}` of the last `days` days, today included."""
    since = _midnight(days)
    rows = TaskExecution.objects.filter(team=actor.team, created_at__gte=since)
    return {
        "days": days,
        "general": {**_general(rows), "savings": savings(actor, rows)},
        "by_provider": _by_provider(actor, since),
        "daily": _daily(rows, since, days),
    }


def _general(rows: QuerySet[TaskExecution]) -> dict[str, Any]:
    found = rows.aggregate(
        total=Count("pk"),
        completed=Count("pk", filter=DONE),
        failed=Count("pk", filter=Q(status=TaskExecution.Status.FAILED)),
        escalated=Count("pk", filter=Q(escalation_count__gt=0)),
        escalations=Sum("escalation_count", default=0),
        checked=Count("pk", filter=Q(verified=TaskExecution.Verified.YES)),
        not_checked=Count("pk", filter=Q(verified=TaskExecution.Verified.COULD_NOT)),
        from_cache=Count("pk", filter=~Q(cache="")),
        thumbs_up=Count("pk", filter=Q(thumb=1)),
        thumbs_down=Count("pk", filter=Q(thumb=-1)),
        mean_confidence=Avg("confidence"),
        mean_complexity=Avg("complexity"),
        mean_ms=Avg("execution_time_ms", filter=DONE),
        read=Sum("input_tokens", default=0),
        wrote=Sum("output_tokens", default=0),
        cost=Sum("cost_usd"),
        unpriced=Count("pk", filter=Q(cost_usd=None, finished_at__isnull=False)),
    )
    same = ("total", "completed", "failed", "escalated", "escalations", "from_cache", "thumbs_up", "thumbs_down", "unpriced")
    return {
        **{name: found[name] for name in same},
        "success_rate": _share(found["completed"], found["completed"] + found["failed"]),
        "escalation_rate": _share(found["escalated"], found["total"]),
        "verified": found["checked"],
        "not_verified": found["not_checked"],
        "confidence": _rounded(found["mean_confidence"]),
        "complexity": _rounded(found["mean_complexity"]),
        "execution_time_ms": _rounded(found["mean_ms"]),
        "input_tokens": found["read"],
        "output_tokens": found["wrote"],
        "cost": _cost(found["cost"], found["total"], found["unpriced"]),
    }


def savings(actor: Actor, rows: QuerySet[TaskExecution]) -> dict[str, Any]:
    """See the head of this module. `why_unknown` is "" or a code: no_priced_model, nothing_to_compare."""
    counted = rows.filter(DONE, cache="", cost_usd__isnull=False)
    left_out = rows.filter(DONE).filter(Q(cost_usd=None) | ~Q(cache="")).count()
    top = top_model(actor)
    figures: dict[str, Any] = {"top_model": str(top) if top else "", "left_out": left_out}
    unknown = {**figures, "prompts": 0, "cost": None, "top_cost": None, "saved": None, "saved_percent": None}
    if top is None or top.price_input is None or top.price_output is None:
        return {**unknown, "why_unknown": "no_priced_model"}
    answers = CreditUsage.objects.filter(
        team=actor.team, purpose="answer", error_code="", linked_execution__in=counted.values("public_id")
    )
    each = answers.order_by().values("linked_execution").annotate(mean_read=Avg("input_tokens"), mean_wrote=Avg("output_tokens"))
    took = each.aggregate(prompts=Count("linked_execution"), read=Sum("mean_read"), wrote=Sum("mean_wrote"))
    if not took["prompts"]:
        return {**unknown, "why_unknown": "nothing_to_compare"}
    answered = CreditUsage.objects.filter(team=actor.team, purpose="answer", error_code="")
    of_these = counted.filter(public_id__in=answered.values("linked_execution"))
    cost = exact(of_these.aggregate(sum=Sum("cost_usd"))["sum"])
    read, wrote = Decimal(str(took["read"])), Decimal(str(took["wrote"]))
    top_cost = exact((read * top.price_input + wrote * top.price_output) / MILLION)
    saved = top_cost - cost
    return {
        **figures,
        "prompts": took["prompts"],
        "cost": money(cost),
        "top_cost": money(top_cost),
        "saved": money(saved),
        "saved_percent": _share(saved, top_cost),
        "why_unknown": "",
    }


def top_model(actor: Actor) -> AIModel | None:
    """The ablest model in use whose price is known and not nothing; among equals the dearest."""
    priced = [model for model in routable_models(actor.team, include_failed=True) if model.price_input and model.price_output]
    return max(priced, key=lambda model: (AIModel.tier_rank(model.tier), model.skill or 0, _price(model)), default=None)


def _price(model: AIModel) -> Decimal:
    return (model.price_input or Decimal(0)) * 3 + (model.price_output or Decimal(0))


def _by_provider(actor: Actor, since: datetime) -> list[dict[str, Any]]:
    days = ProviderMetric.objects.filter(provider__team=actor.team, date__gte=since.date()).order_by()
    names = ("total", "succeeded", "failed", "latency_ms_sum", "confidence_sum", "confidences", "unpriced")
    sums = {f"sum_{name}": Sum(name) for name in (*names, "input_tokens", "output_tokens", "cost_usd")}
    rows: Any = days.values("provider__public_id", "provider__name", "provider__display_name").annotate(**sums)
    return [_provider(row) for row in sorted(rows, key=lambda row: (-row["sum_total"], row["provider__name"]))]


def _provider(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": row["provider__public_id"],
        "provider_name": row["provider__name"],
        "display_name": row["provider__display_name"],
        "total": row["sum_total"],
        "succeeded": row["sum_succeeded"],
        "failed": row["sum_failed"],
        "success_rate": _share(row["sum_succeeded"], row["sum_total"]),
        "execution_time_ms": _rounded(row["sum_latency_ms_sum"] / row["sum_succeeded"]) if row["sum_succeeded"] else None,
        "confidence": _rounded(Decimal(row["sum_confidence_sum"]) / row["sum_confidences"]) if row["sum_confidences"] else None,
        "input_tokens": row["sum_input_tokens"],
        "output_tokens": row["sum_output_tokens"],
        "cost": _cost(row["sum_cost_usd"], row["sum_total"], row["sum_unpriced"]),
        "unpriced": row["sum_unpriced"],
    }


def _daily(rows: QuerySet[TaskExecution], since: datetime, days: int) -> list[dict[str, Any]]:
    """Every day, also those on which nothing was asked, the oldest first."""
    by_day = rows.order_by().annotate(day=TruncDate("created_at", tzinfo=UTC)).values("day")
    found = by_day.annotate(
        total=Count("pk"),
        completed=Count("pk", filter=DONE),
        failed=Count("pk", filter=Q(status=TaskExecution.Status.FAILED)),
        escalated=Count("pk", filter=Q(escalation_count__gt=0)),
        mean_confidence=Avg("confidence"),
        mean_ms=Avg("execution_time_ms", filter=DONE),
        cost=Sum("cost_usd"),
        unpriced=Count("pk", filter=Q(cost_usd=None, finished_at__isnull=False)),
    )
    known: dict[Any, Mapping[str, Any]] = {row["day"]: row for row in found}
    nothing: dict[str, Any] = dict.fromkeys(("total", "completed", "failed", "escalated", "unpriced"), 0)
    nothing |= dict.fromkeys(("mean_confidence", "mean_ms", "cost"))
    return [_day(known.get(day, {"day": day, **nothing})) for day in ((since + timedelta(n)).date() for n in range(days))]


def _day(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "date": row["day"],
        "total": row["total"],
        "completed": row["completed"],
        "failed": row["failed"],
        "escalated": row["escalated"],
        "confidence": _rounded(row["mean_confidence"]),
        "execution_time_ms": _rounded(row["mean_ms"]),
        "cost": _cost(row["cost"], row["total"], row["unpriced"]),
        "unpriced": row["unpriced"],
    }


def providers_status(actor: Actor) -> list[dict[str, Any]]:
    """Every provider: whether it is up and rests, its models, and what it did today (UTC). Two queries."""
    today = {row.provider_id: row for row in ProviderMetric.objects.filter(provider__team=actor.team, date=_midnight(1).date())}
    return [
        {
            **provider_state(provider),
            "today": {
                "total": today[provider.pk].total if provider.pk in today else 0,
                "succeeded": today[provider.pk].succeeded if provider.pk in today else 0,
                "failed": today[provider.pk].failed if provider.pk in today else 0,
            },
        }
        for provider in providers_visible(actor).order_by("priority", "name")
    ]


def _midnight(days: int) -> datetime:
    """The beginning of the first of the last `days` days, by UTC."""
    today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=days - 1)


def _share(part: Any, whole: Any) -> float | None:
    return round(float(100 * part / whole), 2) if whole else None


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 2)


def _cost(total: Decimal | None, count: int, unpriced: int) -> str | None:
    """None when something was asked and no price of it is known."""
    return None if count and count == unpriced else money(exact(total))
