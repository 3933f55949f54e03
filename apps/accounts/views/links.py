"""What one-time links open: the first owner's account, a new password, a team."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from apps.accounts import forms, selectors, services
from apps.accounts.errors import LinkNotUsable
from apps.accounts.middleware import TEAM_IN_SESSION, open_to_strangers
from apps.accounts.models import Membership, User
from apps.accounts.views.parts import signed_in
from apps.common.errors import BadInput


@open_to_strangers
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    """The first owner signs up, or a person sets a new password."""
    link = selectors.link_open(token)
    if link is None or link.team is not None:
        return _link_not_usable(request)
    form_class = forms.NewPasswordForm if link.email else forms.OwnerForm
    form = form_class(request.POST or None)
    if form.is_valid():
        try:
            return signed_in(request, services.welcome_accept(token, **form.cleaned_data), "/")
        except BadInput as error:
            form.refuse(error)
    return render(request, "accounts/welcome.html", {"form": form, "link": link}, status=400 if form.errors else 200)


@open_to_strangers
@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Join a team: with the account that one is signed in with, or with a new one."""
    link = selectors.link_open(token)
    if link is None or link.team is None:
        return _link_not_usable(request)
    user = request.user if request.user.is_authenticated else None
    has_account = User.objects.filter(email=link.email).exists()
    form = None if user or has_account else forms.NewAccountForm(request.POST or None)
    is_invited = user is not None and user.email == link.email
    context: dict[str, Any] = {"form": form, "link": link, "has_account": has_account, "is_invited": is_invited}
    if request.method == "POST" and (user or (form and form.is_valid())):
        try:
            member = services.invite_accept(token, user=user, **(form.cleaned_data if form else {}))
        except LinkNotUsable as error:
            context["refused"] = error.message
        except BadInput as error:
            assert form is not None
            form.refuse(error)
        else:
            return _joined(request, member)
    is_refused = "refused" in context or (form is not None and bool(form.errors))
    return render(request, "accounts/invitation.html", context, status=400 if is_refused else 200)


def _joined(request: HttpRequest, member: Membership) -> HttpResponse:
    response = redirect("/") if request.user.is_authenticated else signed_in(request, member.user, "/")
    request.session[TEAM_IN_SESSION] = str(member.team.public_id)
    return response


def _link_not_usable(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/link_not_usable.html", status=404)
