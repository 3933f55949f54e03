"""Errors as people and programs see them: RFC 9457 problem details, one translation for REST, sockets and pages."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig, SuspiciousOperation, ValidationError
from django.db import IntegrityError, OperationalError
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from rest_framework import exceptions as drf

from apps.common.db import is_busy
from apps.common.errors import OrquestradorError
from apps.common.logs import correlation_id

CONTENT_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    """`code` is stable and for programs, `detail` is for people, `errors` are [{"field", "code", "message"}]."""

    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] = field(default_factory=list)
    retry_after_s: float | None = None
    headers: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def as_dict(self, *, request_id: str = "") -> dict[str, Any]:
        """The JSON of RFC 9457, with `code`, `request_id` and `errors` as our extensions."""
        return {
            "type": f"urn:orquestrador:problem:{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id or correlation_id.get(),
            "errors": self.errors,
            **self.more,
        }

    @property
    def all_headers(self) -> dict[str, str]:
        retry = {} if self.retry_after_s is None else {"Retry-After": str(max(1, round(self.retry_after_s)))}
        return {**self.headers, **retry}


def problem_of(error: BaseException) -> Problem:
    """What to tell the caller about any exception; one that nobody foresaw is logged with its id and told as unexpected."""
    match error:
        case OrquestradorError():
            more = {name: error.extra[name] for name in error.told if name in error.extra}
            errors = list(getattr(error, "errors", []))
            return Problem(error.status, error.code, error.message, errors, error.retry_after_s, more=more)
        case drf.ValidationError():
            return Problem(400, "bad_input", _("Some of what was sent cannot be used."), field_errors(error.get_full_details()))
        case drf.APIException():
            return _of_api_exception(error)
        case Http404():
            return Problem(404, "not_found", _("There is nothing here under that name."))
        case PermissionDenied():
            return Problem(403, "not_allowed", _("Your role does not allow this."))
        case ValidationError():
            return Problem(400, "bad_input", _("Some of what was sent cannot be used."), _of_model_validation(error))
        case ObjectDoesNotExist():
            return _of_missing_reference(error)
        case ProtectedError():
            return Problem(409, "conflict", _("Other things still use this. Remove them first."))
        case IntegrityError():
            log.info("A change was refused by the database: %s", error)
            return Problem(409, "conflict", _("This clashes with something that exists already. Look again and repeat."))
        case OperationalError() if is_busy(error):
            log.warning("A change gave way to others: %s", error)
            message = _("Others were changing the same at this moment. Look again, and repeat what is missing.")
            return Problem(503, "busy", message, retry_after_s=1)
        case RequestDataTooBig():
            return Problem(413, "too_large", _("What was sent is too large."))
        case SuspiciousOperation():
            return Problem(400, "bad_input", _("The request cannot be understood."))
    return unexpected(error)


def unexpected(error: BaseException) -> Problem:
    """A bug: logged whole under an id, told without its inside."""
    if correlation_id.get() == "-":
        correlation_id.set(uuid.uuid4().hex)
    log.error("Unexpected error: %s", type(error).__name__, exc_info=error)
    detail = _("Something unexpected happened. It was logged as %(id)s; tell whoever looks after this installation.")
    return Problem(500, "unexpected", detail % {"id": correlation_id.get()})


def problem_json(request: HttpRequest, problem: Problem) -> JsonResponse:
    """The problem as a plain Django response."""
    body = problem.as_dict(request_id=getattr(request, "request_id", ""))
    return JsonResponse(body, status=problem.status, content_type=CONTENT_TYPE, headers=problem.all_headers)


def field_errors(details: Any, path: str = "") -> list[dict[str, str]]:
    """DRF's nested details as one list; nested fields are written `subtasks.0.title`, and the whole input is ""."""
    if isinstance(details, dict) and set(details) == {"message", "code"} and not isinstance(details["message"], dict | list):
        return [{"field": path, "code": str(details["code"]), "message": str(details["message"])}]
    pairs = details.items() if isinstance(details, dict) else enumerate(details)
    return [error for name, inner in pairs for error in field_errors(inner, _path(path, name, inner))]


def _path(path: str, name: str | int, inner: Any) -> str:
    is_message = isinstance(name, int) and isinstance(inner, dict) and set(inner) == {"message", "code"}
    if is_message or name == "non_field_errors":
        return path
    return f"{path}.{name}" if path else str(name)


def _of_api_exception(error: drf.APIException) -> Problem:
    headers = {"WWW-Authenticate": header} if (header := getattr(error, "auth_header", None)) else {}
    details = error.detail
    message = details.get("detail", error.default_detail) if isinstance(details, dict) else details
    if isinstance(message, list):
        message = " ".join(map(str, message))
    code = details.get("code") if isinstance(details, dict) else getattr(details, "code", None)
    return Problem(error.status_code, str(code or error.default_code), str(message), [], getattr(error, "wait", None), headers)


def _of_model_validation(error: ValidationError) -> list[dict[str, str]]:
    by_field = error.error_dict if hasattr(error, "error_dict") else {"": error.error_list}
    return [
        {"field": "" if name == "__all__" else name, "code": one.code or "invalid", "message": message}
        for name, errors in by_field.items()
        for one in errors
        for message in one.messages
    ]


def _of_missing_reference(error: ObjectDoesNotExist) -> Problem:
    name = type(error).__qualname__.partition(".")[0].lower()
    message = _("This refers to something that does not exist.")
    return Problem(400, "bad_input", message, [{"field": name, "code": "does_not_exist", "message": message}])


def respond(request: HttpRequest, problem: Problem) -> HttpResponse:
    """The problem as whoever asked can use it: JSON for the API, a fragment for htmx, else a page."""
    if request.path.startswith("/api/") or "text/html" not in request.headers.get("Accept", "text/html,*/*"):
        return problem_json(request, problem)
    is_fragment = request.headers.get("HX-Request") == "true"
    context = {"problem": problem, "request_id": getattr(request, "request_id", "")}
    template = "_error.html" if is_fragment else "error.html"
    return render(request, template, context, status=problem.status)


class ProblemPagesMiddleware:
    """Turns the errors that pages raise on purpose, and clashes of two at the same moment, into pages; others stay errors."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        is_told = isinstance(error, (OrquestradorError, IntegrityError)) or is_busy(error)
        return respond(request, problem_of(error)) if is_told else None


# ── Django's handlers ─────────────────────────────────────────────────────────────────────────────────────────────
def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, problem_of(exception))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, problem_of(exception))


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return respond(request, problem_of(Http404()))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django has logged the error, with its id, before it calls this."""
    detail = _("Something unexpected happened. It was logged as %(id)s; tell whoever looks after this installation.")
    problem = Problem(500, "unexpected", detail % {"id": getattr(request, "request_id", correlation_id.get())})
    return (
        problem_json(request, problem)
        if request.path.startswith("/api/")
        else HttpResponse(render_to_string("500.html", {"problem": problem, "theme": _theme(request)}), status=500)
    )


def _theme(request: HttpRequest) -> str:
    """As far as it was known before the error: the database may be what is broken."""
    return getattr(request, "page_theme", "system")


def api_not_found(request: HttpRequest) -> HttpResponse:
    """Whatever is under /api/ and is not there."""
    return problem_json(request, problem_of(Http404()))


api_not_found.login_required = False  # type: ignore[attr-defined]
