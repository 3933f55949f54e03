"""The team: its name, who is in it, and the person's other teams."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts import forms, selectors, services
from apps.accounts.actor import Actor, Asked
from apps.accounts.middleware import TEAM_IN_SESSION
from apps.accounts.models import Membership, Role
from apps.common.errors import OrquestradorError
from apps.common.exporting import exported
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of

INVITATIONS_SHOWN = 10
FILTERS = ("search", "role", "order")
ORDERS: dict[str, tuple[str, ...]] = {
    "": ("created_at",),
    "name": ("user__name", "user__email"),
    "newest": ("-created_at",),
}
ORDER_WORDS = {
    "": gettext_lazy("As they joined"),
    "name": gettext_lazy("By name"),
    "newest": gettext_lazy("Newest first"),
}
COLUMNS = ("name", "email", "role", "joined_at", "last_sign_in")


@require_http_methods(["GET", "POST"])
def team(request: Asked) -> HttpResponse:
    form = forms.TeamForm(request.POST or None, initial={"name": request.actor.team.name})
    if form.is_valid():
        services.team_rename(request.actor, **form.cleaned_data)
        messages.success(request, _("The team was saved."))
        return redirect("accounts:team")
    return _team_page(request, form=form)


@require_POST
def member(request: Asked, id: uuid.UUID) -> HttpResponse:
    """`role` changes what a member may do; `remove` takes them out."""
    row = selectors.access_member(request.actor, id)
    try:
        if "remove" in request.POST:
            services.member_remove(request.actor, row)
        else:
            services.member_role_change(request.actor, row, role=request.POST.get("role", ""))
    except OrquestradorError as error:
        messages.error(request, error.message)
    return redirect("/" if "remove" in request.POST and row.user_id == request.user.pk else "accounts:team")


@require_POST
def invite(request: Asked) -> HttpResponse:
    """The page that answers shows the link, this once."""
    form = forms.InviteForm(request.POST)
    if form.is_valid():
        try:
            made, token = services.invite_create(request.actor, **form.cleaned_data)
        except OrquestradorError as error:
            form.add_error("email", error.message)
        else:
            link = request.build_absolute_uri(reverse("accounts:invitation", args=[token]))
            return _team_page(request, new_invitation=made, new_link=link)
    return _team_page(request, invite_form=form, status=400)


@require_POST
def team_switch(request: Asked) -> HttpResponse:
    """Work in another of one's teams (`team`: its id)."""
    try:
        wanted = uuid.UUID(request.POST.get("team", ""))
    except ValueError as error:
        raise Http404 from error
    request.session[TEAM_IN_SESSION] = str(selectors.access_team(request.actor, wanted).public_id)
    return redirect("/")


@require_http_methods(["GET", "POST"])
def team_new(request: Asked) -> HttpResponse:
    form = forms.TeamForm(request.POST or None)
    if form.is_valid():
        made = services.team_create(request.user, **form.cleaned_data)
        request.session[TEAM_IN_SESSION] = str(made.public_id)
        return redirect("accounts:team")
    return render(request, "accounts/team_new.html", {"form": form})


def _team_page(request: Asked, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {
        "form": forms.TeamForm(initial={"name": request.actor.team.name}),
        "invite_form": forms.InviteForm(),
        **_members_listed(request),
        "invitations": selectors.invitations_visible(request.actor)[:INVITATIONS_SHOWN],
        "roles": Role.choices,
        "can_manage": request.actor.can_manage,
        **more,
    }
    return render(request, "accounts/team.html", context, status=status)


def _members_listed(request: Asked) -> dict[str, Any]:
    """A page of the team's people as they were asked for."""
    asked = asked_of(request.GET, FILTERS)
    order = ORDERS.get(asked["order"], ORDERS[""])
    page = page_of(_members(request.actor, request.GET), ordering=order, cursor=request.GET.get("cursor", ""))
    return {
        "members": page.rows,
        "asked": asked,
        "selects": [
            Select("role", _("Role"), [("", _("Any role")), *Role.choices], asked["role"]),
            Select("order", _("Order"), list(ORDER_WORDS.items()), asked["order"]),
        ],
        **Address(asked).around(page),
    }


def _members(actor: Actor, given: QueryDict) -> QuerySet[Membership]:
    asked = asked_of(given, FILTERS)
    return selectors.members_filtered(actor, search=asked["search"], role=asked["role"])


@require_GET
def members_export(request: Asked) -> StreamingHttpResponse:
    """The people whom the filters leave; for admins."""
    request.actor.must_manage()
    rows = _members(request.actor, request.GET)
    return exported(request, rows, name="people", ordering=("created_at",), as_record=_member, columns=COLUMNS)


def _member(row: Membership) -> dict[str, Any]:
    person = row.user
    return {
        "name": person.name,
        "email": person.email,
        "role": row.role,
        "joined_at": row.created_at,
        "last_sign_in": person.last_login,
    }
