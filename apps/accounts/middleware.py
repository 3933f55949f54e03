"""Every page is closed unless its view says that it is open; and every request knows who asks, in which team.

The API closes itself: its views are exempt here (DRF marks them so) and ask for a person through their permissions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from apps.accounts.actor import Actor
from apps.accounts.services import actor_for

View = TypeVar("View", bound=Callable[..., Any])
TEAM_HEADER, TEAM_IN_SESSION = "X-Orq-Team", "team"


def open_to_strangers(view: View) -> View:
    """Mark a view that needs no sign-in. What is marked is listed in tests/architecture/test_access.py."""
    return login_not_required(view)


def actor_of(request: HttpRequest) -> Actor:
    """The person of the request in the team they work in: the session's, the header's, or their first."""
    session = getattr(request, "session", None) or {}
    return actor_for(request.user, team=request.headers.get(TEAM_HEADER), preferred_team=session.get(TEAM_IN_SESSION))  # type: ignore[arg-type]


async def async_actor_of(request: HttpRequest) -> Actor:
    """The same for asynchronous views, which may not ask the database by the way."""
    return await sync_to_async(actor_of)(request)


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Sends strangers to the sign-in page, in the way that a page, htmx or the API expects."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        request.actor = SimpleLazyObject(lambda: actor_of(request))  # type: ignore[attr-defined]
        return super().__call__(request)

    def process_view(self, request: HttpRequest, view_func: Callable, view_args: Any, view_kwargs: Any) -> Any:
        """Who asks is looked up only where it matters: health is told also when the database is gone."""
        if getattr(view_func, "login_required", True):
            return super().process_view(request, view_func, view_args, view_kwargs)
        return None

    def handle_no_permission(self, request: HttpRequest, view_func: Callable) -> Any:
        sign_in = self.get_login_url(view_func)
        if request.headers.get("HX-Request") == "true":
            back = request.headers.get("HX-Current-URL", "/")
            return HttpResponse(headers={"HX-Redirect": redirect_to_login(_path_of(back), sign_in).url})
        return redirect_to_login(request.get_full_path(), sign_in)


def _path_of(url: str) -> str:
    """The address without scheme and host, so that nobody is sent elsewhere after signing in."""
    _, _, rest = url.partition("://")
    return "/" + rest.partition("/")[2] if rest else url
