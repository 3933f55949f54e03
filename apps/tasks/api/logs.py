"""REST: the log of a team. It can be read and not changed."""

from __future__ import annotations

from typing import cast

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet
from apps.common.errors import BadInput
from apps.common.paging import CursorPages, limit_of
from apps.tasks import selectors
from apps.tasks.models import ExecutionLog
from apps.tasks.selectors.logs import LEVELS, PERIODS, LogQuery, logs_page
from apps.tasks.serializers import tasks as shapes

ABOUT = {
    "level": f"One or several of {', '.join(LEVELS)}, with commas between.",
    "event": "What happened, such as escalated.",
    "task": "The id of a task.",
    "subtask": "The id of a step.",
    "prompt": "The id of a routed prompt.",
    "model": "What the line calls the model.",
    "provider": "The name of a provider.",
    "person": "The id of who did it.",
    "request_id": "The id of a request; its answer and the lines of the server have it too.",
    "period": f"Back from now: {', '.join(PERIODS)}.",
    "since": "Date and time of the first line.",
    "until": "Date and time of the last line.",
    "search": "Words. A page reads 10,000 lines at most; `next` goes on where it stopped, also when `results` is empty.",
}


class ExecutionLogsViewSet(TeamViewSet):
    """What happened to tasks and routed prompts, in words, the newest first."""

    visible = staticmethod(selectors.logs_visible)
    access = staticmethod(selectors.access_log)
    queryset = ExecutionLog.objects.all()
    serializer_class = shapes.LogSerializer
    filter_backends = ()
    ordering_fields = ("created_at",)

    @extend_schema(parameters=[OpenApiParameter(name, str, description=words) for name, words in ABOUT.items()])
    def list(self, request: Request) -> Response:
        asked = request.query_params
        query = LogQuery.of({**asked.dict(), "words": asked.get("search", "")})
        if query.words:
            return self._searched(request, query)
        page = self.paginate_queryset(selectors.logs_found(self.actor, query))
        return self.get_paginated_response([selectors.log_entry(line) for line in page or []])

    def _searched(self, request: Request, query: LogQuery) -> Response:
        if request.query_params.get("ordering", "-created_at") != "-created_at":
            raise BadInput(_("What is searched for comes with the newest first."), field="ordering")
        found = logs_page(
            self.actor,
            query,
            cursor=request.query_params.get("cursor", ""),
            limit=limit_of(request.query_params.get("limit", "")),
        )
        pages = cast(CursorPages, self.paginator)
        return pages.response_of(request, found.page, [selectors.log_entry(line) for line in found.page.rows], found.further)

    def retrieve(self, request: Request, id: str) -> Response:
        return Response(selectors.log_entry(self.get_object()))


router_entries = [("execution-logs", ExecutionLogsViewSet)]
