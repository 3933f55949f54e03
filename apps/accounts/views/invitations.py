"""The list of invitations: found, many withdrawn together."""

from __future__ import annotations

import uuid

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts import selectors, services
from apps.accounts.actor import Actor, Asked
from apps.accounts.models import Invitation, Role
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, each_answered

FILTERS = ("search", "role", "state")
STATES = (("open", gettext_lazy("Open")), ("expired", gettext_lazy("Out of date")))


@require_GET
def invitation_list(request: Asked) -> HttpResponse:
    request.actor.must_manage()
    asked = asked_of(request.GET, FILTERS)
    page = page_of(_found(request.actor, request.GET), ordering=("-created_at",), cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    context = {
        "invitations": page.rows,
        "asked": asked,
        "selects": [
            Select("role", _("Role"), [("", _("Any role")), *Role.choices], asked["role"]),
            Select("state", _("State"), [("", _("Any state")), *STATES], asked["state"]),
        ],
        "bar": Bar(reverse("accounts:invitations_bulk"), _deeds(), address.here, bool(page.next)),
        **address.around(page),
    }
    return render(request, "accounts/invitations.html", context)


def _found(actor: Actor, given: QueryDict) -> QuerySet[Invitation]:
    return selectors.invitations_filtered(actor, now=timezone.now(), **asked_of(given, FILTERS))


def _deeds() -> list[Deed]:
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
        deeds=_deeds(),
        left_by=lambda given: _found(actor, given),
        visible=selectors.invitations_visible(actor),
        do=lambda _deed, invitation: services.invite_revoke(actor, invitation),
        said=lambda _deed, n: ngettext("%(n)s invitation was withdrawn.", "%(n)s invitations were withdrawn.", n) % {"n": n},
    )


@require_POST
def invite_revoke(request: Asked, id: uuid.UUID) -> HttpResponse:
    services.invite_revoke(request.actor, selectors.access_invitation(request.actor, id))
    return redirect("accounts:team")
