"""What may be spent, and what is set aside for calls that are under way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.actor import Actor
from apps.common.models import MONEY, OwnedRow, Row

SMALLEST = Decimal(1).scaleb(-MONEY["decimal_places"])


def exact(total: Decimal | None) -> Decimal:
    """A sum of money as exact as its parts: SQLite adds with floating point."""
    return (total or Decimal(0)).quantize(SMALLEST)


class BudgetQuerySet(models.QuerySet["Budget"]):
    def in_force_for(self, *, team_id: int, owner_id: int | None, key_id: UUID | None) -> BudgetQuerySet:
        """Those that a call of this team, for this person, with this virtual key, is counted against."""
        for_whom = Q(scope=Budget.Scope.TEAM)
        if owner_id is not None:
            for_whom |= Q(scope=Budget.Scope.PERSON, person=owner_id)
        if key_id is not None:
            for_whom |= Q(scope=Budget.Scope.KEY, key_id=key_id)
        return self.filter(for_whom, team=team_id, is_active=True)


class Budget(OwnedRow):
    """The most that a team, a person in it, or a virtual key may spend in a day or a month, in US dollars.

    `owner` is who made it. `spent_usd` counts what was spent since `period_started_at`; once that period is over it counts
    nothing, and the next paid call begins the new one. All of it changes under a lock on this row.
    """

    class Scope(models.TextChoices):
        TEAM = "team", _("the team")
        PERSON = "person", _("one person")
        KEY = "key", _("one virtual key")

    class Period(models.TextChoices):
        DAY = "day", _("a day")
        MONTH = "month", _("a month")

    name = models.CharField(_("name"), max_length=120, blank=True)
    scope = models.CharField(_("for"), max_length=6, choices=Scope.choices)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+", verbose_name=_("person")
    )  # whose it is; of a key: whose key
    key_id = models.UUIDField(_("virtual key"), null=True, blank=True, db_index=True)
    period = models.CharField(_("in"), max_length=5, choices=Period.choices)
    limit_usd = models.DecimalField(_("limit, US$"), **MONEY)
    alert_percent = models.PositiveSmallIntegerField(_("warn at, % of the limit"), default=80)
    is_active = models.BooleanField(_("in force"), default=True)
    period_started_at = models.DateTimeField(_("counted since"))
    spent_usd = models.DecimalField(_("spent since then, US$"), default=Decimal(0), **MONEY)
    alerted_at = models.DateTimeField(_("warned"), null=True, blank=True)  # at most once in a period
    refused_at = models.DateTimeField(_("told of a refusal"), null=True, blank=True)  # likewise

    objects = BudgetQuerySet.as_manager()

    class Meta:
        db_table = "budgets"
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        ordering = ["scope", "period", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(limit_usd__gte=0), name="budget_limit_not_negative"),
            models.CheckConstraint(
                condition=Q(alert_percent__gte=1, alert_percent__lte=100), name="budget_alert_is_a_percentage"
            ),
            models.CheckConstraint(
                condition=Q(scope="team", person=None, key_id=None)
                | Q(scope="person", person__isnull=False, key_id=None)
                | Q(scope="key", key_id__isnull=False),
                name="budget_is_for_one",
            ),
        ]
        indexes = [models.Index(fields=["team", "is_active"], name="budgets_in_force")]

    def __str__(self) -> str:
        return self.name or f"{self.get_scope_display()} · {self.get_period_display()}"

    def may_be_changed_by(self, actor: Actor) -> bool:
        """Admins, and whoever has set it for themselves."""
        return actor.can_manage or (actor.can_work and self.owner_id == actor.user.pk == self.person_id)

    def started_at(self, now: datetime) -> datetime:
        """The beginning of the calendar day or month that `now` is in, in UTC."""
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if self.period == self.Period.DAY else midnight.replace(day=1)

    def renews_at(self, now: datetime) -> datetime:
        """The beginning of the next one."""
        return self.started_at(self.started_at(now) + timedelta(days=1 if self.period == self.Period.DAY else 32))

    def spent_by(self, now: datetime) -> Decimal:
        """What of it is spent in the period that `now` is in."""
        return self.spent_usd if self.period_started_at >= self.started_at(now) else Decimal(0)


class Reservation(Row):
    """What is set aside for a call, or for all calls of one answer, until their cost is known.

    It holds `left_usd` back from every budget of its team, person and key while it is neither settled nor expired, so a
    process that dies in between locks nobody out.
    """

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    key_id = models.UUIDField(null=True, blank=True)
    purpose = models.CharField(max_length=20)
    linked_execution = models.UUIDField(null=True, blank=True, db_index=True)  # the task, or the routed prompt
    amount_usd = models.DecimalField(**MONEY)
    left_usd = models.DecimalField(**MONEY)  # of the amount; 0 when settled
    cost_usd = models.DecimalField(default=Decimal(0), **MONEY)  # of the calls made with it
    expires_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "budget_reservations"
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        constraints = [
            models.CheckConstraint(condition=Q(amount_usd__gte=0, left_usd__gte=0), name="reservation_not_negative"),
        ]
        indexes = [models.Index(fields=["team", "settled_at", "expires_at"], name="reservations_open")]

    def __str__(self) -> str:
        return f"{self.purpose} · US$ {self.amount_usd}"
