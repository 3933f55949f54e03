"""REST: tasks, their steps, and what happened to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet, valid
from apps.common.errors import BadInput
from apps.common.idempotency import HEADER, idempotent
from apps.tasks import selectors, services
from apps.tasks.api.checking import RatedSubtask, RatedTask
from apps.tasks.models import Priority, Subtask, Task, TaskStatus
from apps.tasks.serializers import tasks as shapes

MOST_DAYS = 366


class ChoicesFilter(filters.BaseInFilter, filters.ChoiceFilter):
    """`?status=running,paused`"""


class TaskFilter(filters.FilterSet):
    status = ChoicesFilter(choices=TaskStatus.choices)
    priority = filters.ChoiceFilter(choices=[(name, name) for name in shapes.PRIORITIES], method="of_priority")
    mine = filters.BooleanFilter(method="of_mine")

    class Meta:
        model = Task
        fields = ("status", "category", "priority", "mine", "is_sample")

    def of_priority(self, tasks: QuerySet, name: str, value: str) -> QuerySet:
        return tasks.filter(priority=Priority[value.upper()])

    def of_mine(self, tasks: QuerySet, name: str, value: bool) -> QuerySet:
        mine = {"owner": self.request.user.pk}
        return tasks.filter(**mine) if value else tasks.exclude(**mine)


class TasksViewSet(RatedTask, TeamViewSet):
    """What people asked for, and how far it is. A list gives tasks in brief, a single one comes with its steps."""

    visible = staticmethod(selectors.tasks_visible)
    access = staticmethod(selectors.access_task)
    queryset = Task.objects.all()
    serializer_class = shapes.TaskSerializer
    filterset_class = TaskFilter
    search_fields = ("title", "description")
    ordering_fields = ("created_at", "finished_at", "priority", "title", "status")

    @extend_schema(responses=shapes.CardSerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(selectors.task_cards(page or []))

    def retrieve(self, request: Request, id: str) -> Response:
        return self._answer(self.get_object())

    @extend_schema(request=shapes.NewTaskSerializer, responses={201: shapes.TaskSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Give a task. Unless `start` is false, work begins at once."""
        asked = valid(shapes.NewTaskSerializer(data=request.data))
        task = services.task_create(self.actor, idempotency_key=request.headers.get(HEADER), **asked)
        return self._answer(task, status.HTTP_201_CREATED)

    @extend_schema(request=shapes.TaskChangesSerializer, responses=shapes.TaskSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        asked = valid(shapes.TaskChangesSerializer(data=request.data))
        return self._change(services.task_update, **asked)

    def destroy(self, request: Request, id: str) -> Response:
        services.task_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=shapes.TaskSerializer)
    @action(detail=True, methods=["post"])
    @idempotent
    def start(self, request: Request, id: str) -> Response:
        """Start it, or take up again what failed or was cancelled. What is done is not done twice."""
        return self._change(services.task_start)

    @extend_schema(request=None, responses=shapes.TaskSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, id: str) -> Response:
        """Begin no further step; answers that are being written are let finish."""
        return self._change(services.task_pause)

    @extend_schema(request=shapes.ResumeSerializer, responses=shapes.TaskSerializer)
    @action(detail=True, methods=["post"])
    @idempotent
    def resume(self, request: Request, id: str) -> Response:
        """Go on, if wanted with another policy."""
        asked = valid(shapes.ResumeSerializer(data=request.data))
        return self._change(services.task_resume, **asked)

    @extend_schema(request=None, responses=shapes.TaskSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, id: str) -> Response:
        """Stop now. What is done stays."""
        return self._change(services.task_cancel)

    @extend_schema(request=None, responses=shapes.TaskSerializer)
    @action(detail=True, methods=["post"])
    @idempotent
    def escalate(self, request: Request, id: str) -> Response:
        """Have the weakest finished step done again by the ablest model of another family."""
        return self._change(services.task_escalate)

    @extend_schema(request=shapes.ApproveSerializer, responses=shapes.TaskSerializer)
    @action(detail=True, methods=["post"])
    @idempotent
    def approve(self, request: Request, id: str) -> Response:
        """Let the plan run, as it is or as it is given here."""
        asked = valid(shapes.ApproveSerializer(data=request.data))
        return self._change(services.plan_approve, **asked)

    @extend_schema(responses=shapes.LogSerializer(many=True), filters=False)
    @action(detail=True, ordering_fields=("created_at",))
    def events(self, request: Request, id: str) -> Response:
        """What happened, the newest first."""
        logs = selectors.task_logs(self.get_object())
        page = self.paginate_queryset(logs)
        return self.get_paginated_response([selectors.log_entry(entry) for entry in page or []])

    @extend_schema(
        parameters=[OpenApiParameter("days", int, description=f"1 to {MOST_DAYS}; 7 by default.")],
        responses=shapes.StatsSerializer,
        filters=False,
    )
    @action(detail=False, pagination_class=None)
    def stats(self, request: Request) -> Response:
        """Figures of the last days: tasks by status, money, and how work was checked."""
        return Response(selectors.tasks_stats(self.actor, days_of(request.query_params.get("days", "7"))))

    def _change(self, service: Callable[..., object], **changes: Any) -> Response:
        service(self.actor, self.get_object(), **changes)
        return self._answer(self.get_object())  # as it is stored now

    def _answer(self, task: Task, code: int = status.HTTP_200_OK) -> Response:
        return Response(selectors.task_detail(task), status=code)


class SubtaskFilter(filters.FilterSet):
    task = filters.UUIDFilter(field_name="task__public_id")

    class Meta:
        model = Subtask
        fields = ("task", "status", "category", "cross_validated", "suspect")


class SubtasksViewSet(RatedSubtask, TeamViewSet):
    """Steps of tasks: who wrote each, who checked it, and what came of it."""

    visible = staticmethod(selectors.subtasks_visible)
    access = staticmethod(selectors.access_subtask)
    queryset = Subtask.objects.all()
    serializer_class = shapes.SubtaskSerializer
    filterset_class = SubtaskFilter
    search_fields = ("title", "description")
    ordering = ("-created_at",)
    ordering_fields = ("created_at", "order", "status", "confidence", "divergence")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(selectors.subtask_details(page or []))

    def retrieve(self, request: Request, id: str) -> Response:
        return Response(selectors.subtask_detail(self.get_object()))

    @extend_schema(request=shapes.NewSubtaskSerializer, responses={201: shapes.SubtaskSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Add a step to a plan that waits for approval."""
        asked = valid(shapes.NewSubtaskSerializer(data=request.data))
        task = selectors.access_task(self.actor, asked.pop("task"))
        return self._answer(services.subtask_add(self.actor, task, **asked), status.HTTP_201_CREATED)

    @extend_schema(request=shapes.SubtaskChangesSerializer, responses=shapes.SubtaskSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change a step of a plan that waits for approval."""
        asked = valid(shapes.SubtaskChangesSerializer(data=request.data))
        return self._answer(services.subtask_change(self.actor, self.get_object(), **asked))

    def destroy(self, request: Request, id: str) -> Response:
        """Take a step out of a plan that waits for approval."""
        services.subtask_remove(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=shapes.SubtaskSerializer)
    @action(detail=True, methods=["post"])
    @idempotent
    def approve(self, request: Request, id: str) -> Response:
        """Vouch for what a finished step gave: it counts as right, and is no longer marked as suspect."""
        return self._answer(services.subtask_approve(self.actor, self.get_object()))

    @extend_schema(request=shapes.RetrySerializer, responses=shapes.SubtaskSerializer)
    @action(detail=True, methods=["post"])
    @idempotent
    def retry(self, request: Request, id: str) -> Response:
        """Do it again, if wanted by another model; steps that build on it are done again too."""
        model = valid(shapes.RetrySerializer(data=request.data)).get("model")
        return self._answer(services.subtask_retry(self.actor, self.get_object(), model=str(model) if model else None))

    def _answer(self, subtask: Subtask, code: int = status.HTTP_200_OK) -> Response:
        stored = selectors.access_subtask(self.actor, subtask.public_id)
        return Response(selectors.subtask_detail(stored), status=code)


def days_of(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MOST_DAYS:
        raise BadInput(_("The number of days is from 1 to %(most)s.") % {"most": MOST_DAYS}, field="days")
    return int(text)


router_entries = [("tasks", TasksViewSet), ("subtasks", SubtasksViewSet)]
