"""Telling people that a budget is nearly spent, and that it has refused a call: each at most once in a period."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone, translation

from apps.accounts.models import Membership, Role, User
from apps.accounts.services import notify
from apps.common.db import again_after_deadlock
from apps.common.models import HUNDRED
from apps.common.said import gettext as _
from apps.common.templatetags.orq import cost
from apps.providers import budget_words
from apps.providers.errors import OverBudget
from apps.providers.models import Budget
from apps.providers.services.budget_periods import budget_enter_period


def spending_tell(budget: Budget, now: datetime) -> None:
    """Warn, in the caller's transaction, when a locked budget has passed its mark and nobody was warned in this period."""
    if budget.alerted_at is not None or budget.spent_usd * HUNDRED < budget.limit_usd * budget.alert_percent:
        return
    budget.alerted_at = now
    budget.save(update_fields=["alerted_at", "updated_at"])
    for person in _to_be_told(budget):
        with translation.override(person.language or settings.LANGUAGE_CODE):
            title = _("Nearly spent: %(budget)s") if budget.spent_usd < budget.limit_usd else _("Spent: %(budget)s")
            body = _("%(spent)s of %(limit)s is spent. It is renewed on %(when)s.") % {
                "spent": cost(budget.spent_usd),
                "limit": cost(budget.limit_usd),
                "when": budget_words.moment(budget.renews_at(now)),
            }
            _tell(person, budget, "budget_alert", title % {"budget": _called(budget)}, body)


def refusal_tell(refused: OverBudget) -> None:
    """Tell that a budget has refused a call, if nobody was told in this period. Not in the transaction that it refused."""
    if not refused.is_held and not refused.is_known:
        _refusal_told(refused)


@again_after_deadlock
def _refusal_told(refused: OverBudget) -> None:
    now = timezone.now()
    budget = Budget.objects.select_for_update().filter(public_id=refused.budget["id"]).first()
    if budget is None:
        return
    budget_enter_period(budget, now)
    if budget.refused_at is not None:
        return
    budget.refused_at = now
    budget.save(update_fields=["refused_at", "updated_at"])
    for person in _to_be_told(budget):
        with translation.override(person.language or settings.LANGUAGE_CODE):
            title = _("A call was refused by %(budget)s") % {"budget": _called(budget)}
            _tell(person, budget, "budget_refused", title, budget_words.refusal(refused.budget))


def _tell(person: User, budget: Budget, kind: str, title: str, text: str) -> None:
    notify(person, kind=kind, title=title, text=text, url=reverse("providers:budgets"), team=budget.team)


def _to_be_told(budget: Budget) -> list[User]:
    """The team's admins for what is the team's; else whose it is and who set it, as far as they are still in the team."""
    if budget.scope == Budget.Scope.TEAM:
        concerned = Q(role__in=(Role.ADMIN, Role.OWNER))
    else:
        concerned = Q(user__in=[key for key in (budget.person_id, budget.owner_id) if key])
    members = Membership.objects.filter(concerned, team=budget.team_id, user__is_active=True)
    return [member.user for member in members.select_related("user").order_by("pk")]


def _called(budget: Budget) -> str:
    person = budget.person.short_name if budget.person else ""
    return budget_words.called(budget.scope, budget.period, name=budget.name, person=person)
