"""Lists of people, invitations and notifications: found, many at once, as files."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts import selectors, services
from apps.accounts.actor import Actor, Asked
from apps.accounts.models import Invitation, Membership, Notification, Role
from apps.common.bulk import MOST, Outcome
from apps.common.exporting import exported
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, answered, deed_of, each_answered, ids_asked

IN_THE_BELL = 20
MEMBER_FILTERS = ("search", "role", "order")
MEMBER_ORDERS: dict[str, tuple[str, ...]] = {
    "": ("created_at",),
    "name": ("user__name", "user__email"),
    "newest": ("-created_at",),
}
MEMBER_ORDER_WORDS = {
    "": gettext_lazy("As they joined"),
    "name": gettext_lazy("By name"),
    "newest": gettext_lazy("Newest first"),
}
MEMBER_COLUMNS = ("name", "email", "role", "joined_at", "last_sign_in")
INVITATION_FILTERS = ("search", "role", "state")
STATES = (("open", gettext_lazy("Open")), ("expired", gettext_lazy("Out of date")))
NOTE_FILTERS = ("search", "kind", "unread")
KIND_WORDS = {
    "task_completed": gettext_lazy("A task has ended"),
    "task_failed": gettext_lazy("A task has failed"),
    "task_needs_you": gettext_lazy("A task needs you"),
    "budget_alert": gettext_lazy("A budget is nearly spent"),
    "budget_refused": gettext_lazy("A budget has refused a call"),
    "account_low": gettext_lazy("An account runs low"),
    "download_failed": gettext_lazy("A download has failed"),
}


# ── people ────────────────────────────────────────────────────────────────────────────────────────────────────────
def members_listed(request: Asked) -> dict[str, Any]:
    """A page of the team's people as they were asked for."""
    asked = asked_of(request.GET, MEMBER_FILTERS)
    order = MEMBER_ORDERS.get(asked["order"], MEMBER_ORDERS[""])
    page = page_of(_members(request.actor, request.GET), ordering=order, cursor=request.GET.get("cursor", ""))
    return {
        "members": page.rows,
        "asked": asked,
        "selects": [
            Select("role", _("Role"), [("", _("Any role")), *Role.choices], asked["role"]),
            Select("order", _("Order"), list(MEMBER_ORDER_WORDS.items()), asked["order"]),
        ],
        **Address(asked).around(page),
    }


def _members(actor: Actor, given: QueryDict) -> QuerySet[Membership]:
    asked = asked_of(given, MEMBER_FILTERS)
    return selectors.members_filtered(actor, search=asked["search"], role=asked["role"])


@require_GET
def members_export(request: Asked) -> StreamingHttpResponse:
    """The people whom the filters leave; for admins."""
    request.actor.must_manage()
    rows = _members(request.actor, request.GET)
    return exported(request, rows, name="people", ordering=("created_at",), as_record=_member, columns=MEMBER_COLUMNS)


def _member(row: Membership) -> dict[str, Any]:
    person = row.user
    return {
        "name": person.name,
        "email": person.email,
        "role": row.role,
        "joined_at": row.created_at,
        "last_sign_in": person.last_login,
    }


# ── invitations ───────────────────────────────────────────────────────────────────────────────────────────────────
@require_GET
def invitation_list(request: Asked) -> HttpResponse:
    request.actor.must_manage()
    asked = asked_of(request.GET, INVITATION_FILTERS)
    page = page_of(_invitations(request.actor, request.GET), ordering=("-created_at",), cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    context = {
        "invitations": page.rows,
        "asked": asked,
        "selects": [
            Select("role", _("Role"), [("", _("Any role")), *Role.choices], asked["role"]),
            Select("state", _("State"), [("", _("Any state")), *STATES], asked["state"]),
        ],
        "bar": Bar(reverse("accounts:invitations_bulk"), _invitation_deeds(), address.here, bool(page.next)),
        **address.around(page),
    }
    return render(request, "accounts/invitations.html", context)


def _invitations(actor: Actor, given: QueryDict) -> QuerySet[Invitation]:
    return selectors.invitations_filtered(actor, now=timezone.now(), **asked_of(given, INVITATION_FILTERS))


def _invitation_deeds() -> list[Deed]:
    text = _("Their links work no more. You can invite the same people again.")
    return [Deed("revoke", _("Withdraw"), "delete", _("Withdraw the ticked invitations?"), text)]


@require_POST
def invitations_bulk(request: Asked) -> HttpResponse:
    """Withdraw the ticked invitations."""
    actor = request.actor
    actor.must_manage()
    return each_answered(
        request,
        "accounts:invitations",
        deeds=_invitation_deeds(),
        left_by=lambda given: _invitations(actor, given),
        visible=selectors.invitations_visible(actor),
        do=lambda _deed, invitation: services.invite_revoke(actor, invitation),
        said=lambda _deed, n: ngettext("%(n)s invitation was withdrawn.", "%(n)s invitations were withdrawn.", n) % {"n": n},
    )


# ── notifications ─────────────────────────────────────────────────────────────────────────────────────────────────
@require_GET
def notification_list(request: Asked) -> HttpResponse:
    """The bell's list as a fragment for htmx; else a page with all of them, narrowed by its address."""
    unread = selectors.notifications_unread(request.actor)
    if request.headers.get("HX-Request") == "true":
        rows = selectors.notifications_visible(request.actor)[:IN_THE_BELL]
        return render(request, "accounts/_notifications.html", {"notifications": rows, "unread": unread})
    asked = asked_of(request.GET, NOTE_FILTERS)
    page = page_of(_notifications(request.actor, request.GET), ordering=("-created_at",), cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    context = {
        "notifications": page.rows,
        "unread": unread,
        "asked": asked,
        "chips": address.choice("unread", [("", _("All")), ("1", _("Unread"))]),
        "passed": {"unread": asked["unread"]},
        "selects": [Select("kind", _("What it tells"), [("", _("Anything")), *KIND_WORDS.items()], asked["kind"])],
        "bar": Bar(reverse("accounts:notifications_bulk"), _note_deeds(), address.here, bool(page.next)),
        **address.around(page),
    }
    return render(request, "accounts/notifications.html", context)


def _notifications(actor: Actor, given: QueryDict) -> QuerySet[Notification]:
    return selectors.notifications_filtered(actor, **asked_of(given, NOTE_FILTERS))


def _note_deeds() -> list[Deed]:
    text = _("What they told of stays as it is. This cannot be undone.")
    return [
        Deed("read", _("Mark as read"), "done"),
        Deed("delete", _("Delete"), "delete", _("Delete the ticked notifications?"), text),
    ]


@require_POST
def notifications_bulk(request: Asked) -> HttpResponse:
    """Mark the ticked notifications as read, or throw them away."""

    def act() -> tuple[Outcome, str]:
        deed = deed_of(request, _note_deeds()).name
        ids = ids_asked(request, lambda given: _notifications(request.actor, given), most=MOST)
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
