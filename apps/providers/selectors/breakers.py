"""What breakers and places are like now, for pages and programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.actor import Actor
from apps.providers.models import AIModel, Breaker, CallSlot, Provider

STATES = ("closed", "open", "half_open", "due")


def breaker_state(row: AIModel | Provider) -> dict[str, Any]:
    """Whether it is asked now, and why not. No query for rows of `models_visible`, `providers_visible` or `with_breakers`.

    `state`: closed, open (rests), half_open (one call is trying it), due (its rest is over; the next call tries it). `scope` says
    whose failure it is: a model is held back by its provider's, too. `until`, `error_code` and `reason` belong to the latter.
    `failures` counts those in a row, `rests` the rests in a row.
    """
    breaker, scope = _strongest(row)
    state = _state(breaker)
    return {
        "state": state,
        "label": _label(state, scope),
        "scope": scope,
        "until": breaker.until if breaker and breaker.is_resting else None,
        "error_code": breaker.error_code if breaker else "",
        "reason": breaker.message if breaker else "",
        "failures": breaker.failures if breaker else 0,
        "rests": breaker.trips if breaker else 0,
        "failed_at": breaker.failed_at if breaker else None,
    }


def traffic_of(providers: Iterable[Provider]) -> dict[int, dict[str, Any]]:
    """Calls under way and waiting at each provider, by its key: {in_flight, waiting, most}. `most` None: no limit. One query.

    `in_flight` None: nobody counts calls there, for want of a limit or a group.
    """
    rows = list(providers)
    alive = CallSlot.objects.filter(provider__in=rows, expires_at__gt=timezone.now()).values("provider").order_by()
    counts = {row["provider"]: row for row in alive.annotate(busy=Count("pk", filter=~Q(is_waiting=True)), waiting=_waiting())}
    none: Counter[str] = Counter()
    return {
        row.pk: {
            "in_flight": counts.get(row.pk, none)["busy"] if _is_counted(row) else None,
            "waiting": counts.get(row.pk, none)["waiting"],
            "most": row.max_concurrent,
        }
        for row in rows
    }


def servers_of_model(actor: Actor, model: AIModel) -> list[AIModel]:
    """The rows of this model at all providers of its group, itself among them; only itself without a group. One query."""
    if not model.provider.balance_group:
        return [model]
    group = {"provider__team": actor.team, "provider__balance_group": model.provider.balance_group, "key": model.key}
    return list(AIModel.objects.with_breakers().filter(**group).order_by("provider__priority", "provider__name"))


def _waiting() -> Count:
    return Count("pk", filter=Q(is_waiting=True))


def _is_counted(provider: Provider) -> bool:
    return provider.is_local or provider.max_concurrent is not None or bool(provider.balance_group)


def _strongest(row: AIModel | Provider) -> tuple[Breaker | None, str]:
    """What holds it back the longest, and whose failure that is."""
    found = row.breakers if isinstance(row, AIModel) else [one for one in [getattr(row, "breaker", None)] if one]
    closed = Breaker.State.CLOSED
    ranked = sorted(found, key=lambda one: (one.is_resting, one.state != closed, one.until or one.updated_at), reverse=True)
    if not ranked:
        return None, ""
    return ranked[0], "provider" if ranked[0].provider_id else "model"


def _state(breaker: Breaker | None) -> str:
    if breaker is None or breaker.state == Breaker.State.CLOSED:
        return "closed"
    return "due" if breaker.is_due else breaker.state


def _label(state: str, scope: str) -> str:
    if state == "open":
        return _("The whole provider rests") if scope == "provider" else _("Rests after failures")
    return {
        "closed": _("Is asked"),
        "half_open": _("Is being tried again by one call"),
        "due": _("The next call tries it again"),
    }[state]


def traffic_words(traffic: dict[str, Any]) -> str:
    """Calls under way, in words; "" where nobody counts them."""
    busy, most, waiting = traffic["in_flight"], traffic["most"], traffic["waiting"]
    if busy is None:
        return ""
    if most is None:
        words = ngettext("%(n)d call under way", "%(n)d calls under way", busy) % {"n": busy}
    else:
        words = _("%(n)d of %(most)d places taken") % {"n": busy, "most": most}
    if waiting:
        words += " · " + ngettext("%(n)d waits", "%(n)d wait", waiting) % {"n": waiting}
    return words
