"""What surrounds every page: navigation, spend of the month, unread notifications, theme and language of the person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.core.cache import cache
from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import Membership, Notification, Team
from apps.common.errors import OrquestradorError
from apps.providers.models import CreditUsage

RAIL_COOKIE = "orq_rail"
THEMES = ("system", "light", "dark")
SPEND_KEPT_S = 15

# What is found under Settings although its address begins otherwise.
SETTINGS = ("/settings/", "/teams/", "/api-keys/", "/external-accounts/", "/budgets/", "/gateway/")
IN_THE_DOCK = ("chat", "dashboard", "tasks", "graph", "providers")  # the rest of the navigation is under "more"


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation."""

    label: str
    icon: str
    url: str
    is_here: bool


@dataclass(frozen=True, slots=True)
class Spend:
    """The team's spend since the first of the month; calls whose price is unknown are counted, not guessed."""

    usd: Decimal
    unpriced_calls: int


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor. Nothing is asked of the database until a template shows it."""
    return {"shell": Shell(request)}


class Shell:
    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def person(self) -> Any:
        """The signed-in person, or None."""
        user = getattr(self._request, "user", None)
        return user if user is not None and user.is_authenticated else None

    @cached_property
    def actor(self) -> Any:
        """Who acts, in which team; None for strangers and where the team asked for is not theirs."""
        if self.person is None:
            return None
        try:
            actor = self._request.actor  # type: ignore[attr-defined]
            return actor if actor.team else None
        except OrquestradorError:
            return None

    @property
    def theme(self) -> str:
        return self.person.theme if self.person and self.person.theme in THEMES else "system"

    @property
    def rail(self) -> str:
        """ "open", "closed", or "" where the person never chose: then the width of the window decides."""
        chosen = self._request.COOKIES.get(RAIL_COOKIE, "")
        return chosen if chosen in ("open", "closed") else ""

    @cached_property
    def navigation(self) -> list[Place]:
        places = [
            self._place(_("Chat"), "chat", reverse("chat:list")),
            self._place(_("Dashboard"), "dashboard", reverse("home"), exact=True),
            self._place(_("Tasks"), "tasks", reverse("tasks:list"), under=("/tasks/", "/subtasks/", "/spend/")),
            self._place(_("Orchestrator"), "graph", reverse("tasks:orchestrator")),
            self._place(
                _("Providers"), "providers", reverse("providers:list"), under=("/providers/", "/models/", "/specialized-ais/")
            ),
            self._place(_("Templates"), "document", reverse("knowledge:templates")),
            self._place(_("Log"), "steps", reverse("tasks:logs")),
            self._place(_("Settings"), "settings", reverse("accounts:profile"), under=SETTINGS),
        ]
        if self.person and self.person.is_staff:
            places.append(self._place(_("Administration"), "admin", reverse("admin:index")))
        return places

    @property
    def dock(self) -> list[Place]:
        """The five that a phone shows at once."""
        return [place for place in self.navigation if place.icon in IN_THE_DOCK]

    @property
    def dock_more(self) -> list[Place]:
        return [place for place in self.navigation if place.icon not in IN_THE_DOCK]

    @property
    def is_in_more(self) -> bool:
        return any(place.is_here for place in self.dock_more)

    @property
    def here(self) -> str:
        """The page to come back to, also where it was drawn as the answer to a form."""
        if self._request.method in ("GET", "HEAD"):
            return self._request.get_full_path()
        came_from = urlsplit(self._request.headers.get("Referer", ""))
        is_ours = came_from.netloc == self._request.get_host()
        return urlunsplit(("", "", came_from.path, came_from.query, "")) if is_ours else "/"

    def _place(self, label: str, icon: str, url: str, *, under: tuple[str, ...] = (), exact: bool = False) -> Place:
        path = self._request.path
        return Place(label, icon, url, path == url if exact else path.startswith(under or url))

    @cached_property
    def spend(self) -> Spend | None:
        return spend_of_month(self.actor.team) if self.actor else None

    @cached_property
    def unread(self) -> int:
        return Notification.objects.filter(user=self.person, read_at=None).count() if self.person else 0

    @cached_property
    def teams(self) -> list[Membership]:
        """The person's teams, for the switch."""
        if self.person is None:
            return []
        if self.actor is not None and (known := getattr(self.person, "known_memberships", [])):
            return sorted(known, key=lambda membership: membership.team.name)
        return list(Membership.objects.filter(user=self.person).select_related("team").order_by("team__name"))


def spend_of_month(team: Team) -> Spend:
    """One sum, kept for some seconds because every page shows it."""
    name = f"spend:{team.public_id}"
    spend: Spend | None = cache.get(name)
    if spend is None:
        spend = _sum_of_month(team.pk)
        cache.set(name, spend, SPEND_KEPT_S)
    return spend


def _sum_of_month(team_id: int) -> Spend:
    found = CreditUsage.objects.filter(team_id=team_id, created_at__gte=month_start()).aggregate(
        usd=Sum("cost_usd"), unpriced=Count("pk", filter=Q(cost_usd__isnull=True, error_code=""))
    )
    return Spend(found["usd"] or Decimal(0), found["unpriced"])


def month_start() -> datetime:
    return timezone.localtime().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
