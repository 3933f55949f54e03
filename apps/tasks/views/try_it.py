"""One prompt tried out: a form, and the answer as it is written, line by line of JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.actor import Asked
from apps.common.errors import OrquestradorError
from apps.providers.calls import Switched, Waiting
from apps.providers.contract import ChatRequest, Delta, Message
from apps.providers.models import AIModel
from apps.tasks.engine.routing.types import RoutedPrompt
from apps.tasks.form_fields import id_of
from apps.tasks.route_forms import TryForm
from apps.tasks.runner.routing import Asker, Finished, asker_of, prompt_for, stream_route

log = logging.getLogger(__name__)


@require_GET
def try_it(request: Asked) -> HttpResponse:
    request.actor.must_work()
    models = chat_models(request)
    form = TryForm(models=models, initial={"input": request.GET.get("input", "")})
    return render(request, "orchestrator/try_it.html", {"form": form, "has_models": bool(models)})


@require_POST
def answer(request: Asked) -> HttpResponseBase:
    """Lines of JSON: {"text"}, {"restarted"}, {"waiting"}, and last {"done", "url", …} or {"error", "url"?}."""
    request.actor.must_work()
    form = TryForm(request.POST, models=chat_models(request))
    if not form.is_valid():
        said = " ".join(str(message) for errors in form.errors.values() for message in errors)
        return JsonResponse({"error": said}, status=400)
    given = form.cleaned_data
    prompt = prompt_for(
        ChatRequest("", (Message("user", given["input"]),)),
        strategy=given["strategy"],
        forced_model=id_of(given["force_model"]),
        verify=given["verify"],
        use_cache=not given["fresh"],
    )
    response = StreamingHttpResponse(_lines(asker_of(request.actor), prompt), content_type="application/x-ndjson")
    response["X-Accel-Buffering"] = "no"
    response["Cache-Control"] = "no-store"
    return response


def chat_models(request: Asked) -> list[AIModel]:
    """Models in use that can chat, by name. One query."""
    rows = AIModel.objects.in_use().filter(provider__team=request.actor.team).select_related("provider")
    return sorted((row for row in rows if row.is_chat), key=str)


async def _lines(asker: Asker, prompt: RoutedPrompt) -> AsyncGenerator[bytes]:
    """Who leaves the page closes this, and with it the call upstream."""
    try:
        async with aclosing(stream_route(asker, prompt)) as items:
            async for item in items:
                for said in _said(item):
                    yield _line(said)
    except OrquestradorError as error:
        url = reverse("tasks:execution", args=[error.extra["task_id"]]) if error.extra.get("task_id") else ""
        yield _line({"error": error.message, "url": url})
    except Exception:
        log.exception("a prompt that was tried out failed")
        yield _line({"error": _("Something went wrong in the product itself; the log has the details.")})


def _said(item: Any) -> list[dict[str, Any]]:
    match item:
        case Delta(restarted=True):
            return [{"restarted": True}]
        case Delta(text=text) if text:
            return [{"text": text}]
        case Waiting():
            return [{"waiting": _("Waiting for a free place at the model…")}]
        case Switched():
            return [{"waiting": _("Another server takes over…")}]
        case Finished():
            return [_done(item)]
    return []


def _done(end: Finished) -> dict[str, Any]:
    routed = end.routed
    return {
        "done": routed.completion.text,
        "url": reverse("tasks:execution", args=[end.execution_id]),
    }


def _line(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"
