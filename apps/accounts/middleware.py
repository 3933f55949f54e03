"""Every page is closed unless its view says that it is open; and every request knows who asks, in which team.

The API closes itself: its views are exempt here (DRF marks them so) and ask for a person through their permissions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from apps.accounts.actor import Actor
from apps.accounts.services import actor_for

View = TypeVar("View", bound=Callable[..., Any])
TEAM_HEADER, TEAM_IN_SESSION = "X-Orq-Team", "team"
PERSON_HEADER = "X-Orq-Person"
# Pages with keys, credentials and settings: no browser keeps them, not even for its back button.
NEVER_KEPT = ("/api-keys/", "/external-accounts/", "/gateway/", "/settings/", "/admin/", "/invitations/", "/welcome/")


def open_to_strangers(view: View) -> View:
    """Mark a view that needs no sign-in. What is marked is listed in tests/architecture/test_access.py."""
    return login_not_required(view)


def actor_of(request: HttpRequest) -> Actor:
    """The person of the request in the team they work in: the session's, the header's, or their first."""
    session = getattr(request, "session", None) or {}
    return actor_for(request.user, team=request.headers.get(TEAM_HEADER), preferred_team=session.get(TEAM_IN_SESSION))  # type: ignore[arg-type]


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Sends strangers to the sign-in page, in the way that a page, htmx or the API expects."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        request.actor = SimpleLazyObject(lambda: actor_of(request))  # type: ignore[attr-defined]
        return super().__call__(request)

    def process_view(self, request: HttpRequest, view_func: Callable, view_args: Any, view_kwargs: Any) -> Any:
        """Who asks is looked up only where it matters: health is told also when the database is gone."""
        if not getattr(view_func, "login_required", True):
            return None
        refused = super().process_view(request, view_func, view_args, view_kwargs)
        if refused is None and request.user.is_authenticated:
            request.page_owner = f"{request.user.public_id}.{request.session.get(TEAM_IN_SESSION, '')}"  # type: ignore[attr-defined]
            request.page_theme = request.user.theme  # type: ignore[attr-defined]
        return refused

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Says whose page it is, so that a service worker shows what it has kept to nobody else; and what is never kept."""
        owner = getattr(request, "page_owner", "")
        if owner and response.get("Content-Type", "").startswith("text/html"):
            response[PERSON_HEADER] = owner
            if not response.has_header("Cache-Control"):
                response["Cache-Control"] = "no-store" if request.path.startswith(NEVER_KEPT) else "private, no-cache"
        return response

    def handle_no_permission(self, request: HttpRequest, view_func: Callable) -> Any:
        """A part of an open page is refused and the page says so: what was typed there stays. Else the way to sign in."""
        sign_in = self.get_login_url(view_func)
        if request.headers.get("HX-Request") == "true":
            return HttpResponse(status=401, headers={"HX-Reswap": "none"})
        back = request.get_full_path() if request.method in ("GET", "HEAD") else _page_of(request)
        return redirect_to_login(back, sign_in)


def _page_of(request: HttpRequest) -> str:
    """The page from which a form was sent: after signing in it is there again, which the form's own address may not be."""
    came_from = request.headers.get("Referer", "")
    return _path_of(came_from) if urlsplit(came_from).netloc == request.get_host() else "/"


def _path_of(url: str) -> str:
    """The address without scheme and host, so that nobody is sent elsewhere after signing in."""
    _, _, rest = url.partition("://")
    return "/" + rest.partition("/")[2] if rest else url
