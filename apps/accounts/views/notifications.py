"""Notifications: the bell's list, the page with all of them, opening one, many at once."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts import selectors, services
from apps.accounts.actor import Actor, Asked
from apps.accounts.middleware import TEAM_IN_SESSION
from apps.accounts.models import Notification
from apps.common.bulk import MOST, Outcome
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, answered, deed_of, ids_asked

IN_THE_BELL = 20
FILTERS = ("search", "kind", "unread")
KIND_WORDS = {
    "task_completed": gettext_lazy("A task has ended"),
    "task_failed": gettext_lazy("A task has failed"),
    "task_needs_you": gettext_lazy("A task needs you"),
    "budget_alert": gettext_lazy("A budget is nearly spent"),
    "budget_refused": gettext_lazy("A budget has refused a call"),
    "account_low": gettext_lazy("An account runs low"),
    "download_failed": gettext_lazy("A download has failed"),
}


@require_GET
def notification_list(request: Asked) -> HttpResponse:
    """The bell's list as a fragment for htmx; else a page with all of them, narrowed by its address."""
    unread = selectors.notifications_unread(request.actor)
    if request.headers.get("HX-Request") == "true":
        rows = selectors.notifications_visible(request.actor)[:IN_THE_BELL]
        return render(request, "accounts/_notifications.html", {"notifications": rows, "unread": unread})
    asked = asked_of(request.GET, FILTERS)
    page = page_of(_found(request.actor, request.GET), ordering=("-created_at",), cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    context = {
        "notifications": page.rows,
        "unread": unread,
        "asked": asked,
        "chips": address.choice("unread", [("", _("All")), ("1", _("Unread"))]),
        "passed": {"unread": asked["unread"]},
        "selects": [Select("kind", _("What it tells"), [("", _("Anything")), *KIND_WORDS.items()], asked["kind"])],
        "bar": Bar(reverse("accounts:notifications_bulk"), _deeds(), address.here, bool(page.next)),
        **address.around(page),
    }
    return render(request, "accounts/notifications.html", context)


def _found(actor: Actor, given: QueryDict) -> QuerySet[Notification]:
    return selectors.notifications_filtered(actor, **asked_of(given, FILTERS))


def _deeds() -> list[Deed]:
    text = _("What they told of stays as it is. This cannot be undone.")
    return [
        Deed("read", _("Mark as read"), "done"),
        Deed("delete", _("Delete"), "delete", _("Delete the ticked notifications?"), text),
    ]


@require_POST
def notifications_bulk(request: Asked) -> HttpResponse:
    """Mark the ticked notifications as read, or throw them away."""

    def act() -> tuple[Outcome, str]:
        deed = deed_of(request, _deeds()).name
        ids = ids_asked(request, lambda given: _found(request.actor, given), most=MOST)
        return _do(request.actor, deed, ids)

    return answered(request, "accounts:notifications", act)


def _do(actor: Actor, deed: str, ids: Sequence[uuid.UUID]) -> tuple[Outcome, str]:
    if deed == "delete":
        n = services.notifications_delete(actor, ids)
        outcome, said = Outcome(n), ngettext("%(n)s notification was deleted.", "%(n)s notifications were deleted.", n)
        outcome.refuse(_("it is not there any more."), len(ids) - n)
    else:
        n = services.notifications_read(actor, only=ids)
        outcome, said = Outcome(n), ngettext("%(n)s was marked as read.", "%(n)s were marked as read.", n)
        outcome.refuse(_("it was read already."), len(ids) - n)
    return outcome, said % {"n": n}


@require_GET
def notification_open(request: Asked, notification_id: uuid.UUID) -> HttpResponse:
    """Marks it as read and leads to the thing, in the team whose it is."""
    note = selectors.access_notification(request.actor, notification_id)
    services.notifications_read(request.actor, only=note.public_id)
    if note.team is not None and selectors.teams_visible(request.actor).filter(pk=note.team.pk).exists():
        request.session[TEAM_IN_SESSION] = str(note.team.public_id)
    is_ours = url_has_allowed_host_and_scheme(note.url, allowed_hosts=None)
    return redirect(note.url if note.url and is_ours else "accounts:notifications")


@require_POST
def notification_read(request: Asked, notification_id: uuid.UUID) -> HttpResponse:
    services.notifications_read(request.actor, only=selectors.access_notification(request.actor, notification_id).public_id)
    return redirect("accounts:notifications")


@require_POST
def notifications_read(request: Asked) -> HttpResponse:
    """All read."""
    services.notifications_read(request.actor)
    return redirect("accounts:notifications")
