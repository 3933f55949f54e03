"""`Idempotency-Key`: a POST that starts work is done once, however often its answer got lost on the way.

After draft-ietf-httpapi-idempotency-key-header-07 (read 2026-11-20): the same key with other content is 422, and one whose
first request is still at work is 409. Only a success is kept; what failed changed nothing and may be sent again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db import IntegrityError, transaction
from django.http.request import RawPostDataException
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from apps.common.errors import BadInput, Conflict

KEPT = timedelta(hours=24)
GIVEN_UP = timedelta(minutes=5)  # whoever was at it has died
HEADER = "Idempotency-Key"
_SANE = re.compile(r"[\x21-\x7e]{1,120}")
Handler = Callable[..., Response]
_IN_THE_SCHEMA = extend_schema(
    parameters=[
        OpenApiParameter(HEADER, str, OpenApiParameter.HEADER, description="Yours; a request that repeats it is not done again.")
    ]
)


class KeyReused(Conflict):
    """This Idempotency-Key belongs to another request. Use a new one."""

    code = "idempotency_key_reused"
    status = 422


class StillAtWork(Conflict):
    """The first request with this Idempotency-Key is still at work. Ask again in a moment."""

    code = "still_at_work"
    retryable = True


def idempotent(handler: Handler) -> Handler:
    """Decorate a view set's method: with an `Idempotency-Key` it runs once for each person and key.

    The answer of a repeated request is the first one's, with `Idempotency-Replayed: true`.
    """
    return _once(handler, GIVEN_UP)


def idempotent_within(longest: timedelta) -> Callable[[Handler], Handler]:
    """The same for one that may be at work for so long before it answers: a repeated request waits until then."""
    return functools.partial(_once, given_up=max(longest, GIVEN_UP))


def _once(handler: Handler, given_up: timedelta) -> Handler:
    @functools.wraps(handler)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, *args, **kwargs)
        if not _SANE.fullmatch(key):
            raise BadInput(_("An Idempotency-Key is 1 to 120 printable characters without spaces."), field=HEADER)
        row, is_ours = _take(request, key, given_up)
        if not is_ours:
            return Response(json.loads(row.answer), status=row.status, headers={"Idempotency-Replayed": "true"})
        try:
            response = handler(view, request, *args, **kwargs)
        except BaseException:
            row.delete()
            raise
        _keep(row, response)
        return response

    return _IN_THE_SCHEMA(once)


def _take(request: Request, key: str, given_up: timedelta) -> tuple[Any, bool]:
    """The row of this key, and whether the work is ours to do. Of several who come at once, one makes the row."""
    table = apps.get_model("accounts", "IdempotentRequest")
    user: Any = request.user
    now = timezone.now()
    asked = {"path": f"{request.method} {request.path}"[:300], "body_hash": _body_hash(request)}
    table.objects.filter(user=user, started_at__lt=now - KEPT).delete()
    try:
        with transaction.atomic():
            return table.objects.create(user=user, key=key, started_at=now, **asked), True
    except IntegrityError:
        row = table.objects.filter(user=user, key=key).first()
    if row is None:
        raise StillAtWork(retry_after_s=1)  # it failed this very moment
    if (row.path, row.body_hash) != (asked["path"], asked["body_hash"]):
        raise KeyReused()
    if row.status is not None:
        return row, False
    abandoned = table.objects.filter(pk=row.pk, status=None, started_at=row.started_at, started_at__lt=now - given_up)
    if abandoned.update(started_at=now):
        return row, True
    raise StillAtWork(retry_after_s=1)


def _keep(row: Any, response: Response) -> None:
    if response.status_code >= 400:
        row.delete()
        return
    row.status = response.status_code
    row.answer = json.dumps(response.data, cls=JSONEncoder)
    row.save(update_fields=["status", "answer"])


def _body_hash(request: Request) -> str:
    """Of the team, and of the JSON's meaning rather than its bytes, or of a form's fields and its files' names and sizes."""
    try:
        body = request._request.body
    except RawPostDataException:
        files = sorted((name, file.name, file.size) for name, file in request.FILES.items())
        body = repr([sorted(request.POST.lists()), files]).encode()
    try:
        body = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except ValueError:
        pass
    team = str(request.actor.team.public_id)  # type: ignore[attr-defined]
    return hashlib.sha256(team.encode() + body).hexdigest()
