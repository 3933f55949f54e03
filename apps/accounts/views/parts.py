"""What the pages of people and teams share: being signed in, the language that follows, where to go next."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme

from apps.accounts import sessions
from apps.accounts.models import User


def signed_in(request: HttpRequest, user: User, where: str) -> HttpResponse:
    sessions.begin(request, user)
    return with_language(redirect(where), user.language)


def with_language(response: HttpResponse, wanted: str | None) -> HttpResponse:
    """The language in the cookie that Django reads before it knows the person."""
    if wanted:
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, wanted, max_age=31_536_000, samesite="Lax", secure=settings.ORQ_HTTPS, httponly=True
        )
    elif wanted == "":
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
    return response


def next_page(request: HttpRequest) -> str:
    """Where to go afterwards: a page of ours, never another site."""
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return wanted if is_ours else "/"
