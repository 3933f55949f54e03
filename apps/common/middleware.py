"""Gives every request an id, in the log, in errors and in the answer's `X-Request-Id`; and every page its security policy."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from apps.common.logs import correlation_id

_SANE = re.compile(r"[\w.-]{8,64}")


class RequestIdMiddleware:
    sync_capable = async_capable = True

    def __init__(self, get_response: Callable) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        given = request.headers.get("X-Request-Id", "")
        request.request_id = given if _SANE.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        if iscoroutinefunction(self.get_response):
            return self._answer_async(request)
        with_id = correlation_id.set(request.request_id)  # type: ignore[attr-defined]
        try:
            return self._marked(request, self.get_response(request))
        finally:
            correlation_id.reset(with_id)

    async def _answer_async(self, request: HttpRequest) -> HttpResponse:
        with_id = correlation_id.set(request.request_id)  # type: ignore[attr-defined]
        try:
            return self._marked(request, await self.get_response(request))
        finally:
            correlation_id.reset(with_id)

    @staticmethod
    def _marked(request: HttpRequest, response: HttpResponse) -> HttpResponse:
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response


class PolicyMiddleware(CSPMiddleware):
    """The strict policy on every page but those whose own scripts need more; theirs allows no other host either."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        looser = (policy for prefix, policy in settings.LOOSER_POLICIES.items() if request.path.startswith(prefix))
        response._csp_replace = next(looser, None)  # type: ignore[attr-defined]
        return super().process_response(request, response)
