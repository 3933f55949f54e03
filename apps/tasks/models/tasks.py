"""Tasks, their subtasks, and the journal that lets a task go on after any interruption.

A task's history is its steps (one stage of the flow, with its result) and its calls (one answer of one AI, inside a step).
Both are written as they happen; a restarted task reads them instead of doing the work again.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.logs import current_id
from apps.common.models import MONEY, PERCENT, CheckedJSON, OwnedRow, Row
from apps.common.said_columns import CheckedSaidJSON, SaidJSON, SaidText
from apps.providers.models import AIModel, CreditUsage, SpecializedAI

PERCENTAGE = {"type": "number", "minimum": 0, "maximum": 100}
VERIFY_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "when": {"enum": ["always", "from_complexity", "from_priority", "sample"]},
        "from_complexity": PERCENTAGE,
        "from_priority": {"enum": ["low", "medium", "high", "urgent"]},
        "sample_percent": PERCENTAGE,
    },
}
POLICY_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "cross_validate": {"type": "boolean"},
        "verify": VERIFY_SCHEMA,
        "verify_by_category": {"type": "object", "maxProperties": 50, "additionalProperties": VERIFY_SCHEMA},
        "divergence_threshold": PERCENTAGE,
        "confidence_threshold": PERCENTAGE,
        "max_escalations": {"type": "integer", "minimum": 0, "maximum": 10},
        "on_too_few_models": {"enum": ["ask", "continue"]},
    },
}
MODEL_ROLES = ("planner", "executor", "validator", "tie_breaker")
CAST_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {role: {"type": "string"} for role in MODEL_ROLES},
}
CRITERIA_SCHEMA = {"type": "array", "items": {"type": "string"}}


class TaskStatus(models.TextChoices):
    PENDING = "pending", _("Waiting")
    PLANNING = "planning", _("Planning")
    AWAITING_APPROVAL = "awaiting_approval", _("Plan awaits approval")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class SubtaskStatus(models.TextChoices):
    PENDING = "pending", _("Waiting")
    RUNNING = "running", _("Being written")
    VALIDATING = "validating", _("Being checked")
    TIE_BREAKING = "tie_breaking", _("Being settled")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    SKIPPED = "skipped", _("Skipped")
    CANCELLED = "cancelled", _("Cancelled")


class Priority(models.IntegerChoices):
    LOW = 0, _("Low")
    MEDIUM = 1, _("Medium")
    HIGH = 2, _("High")
    URGENT = 3, _("Urgent")


ENDED = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.CANCELLED)
AT_WORK = (TaskStatus.PLANNING, TaskStatus.RUNNING)


class TaskQuerySet(models.QuerySet["Task"]):
    def waiting(self) -> TaskQuerySet:
        """To be worked on and held by nobody: urgency first, then the oldest."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())
        return self.filter(free, status__in=(TaskStatus.PENDING, *AT_WORK), is_started=True, deleted_at=None).order_by(
            "-priority", "created_at", "pk"
        )

    def held(self) -> TaskQuerySet:
        return self.filter(lease_until__gte=timezone.now())


class Task(OwnedRow):
    """What a person asked for."""

    title = models.CharField(_("title"), max_length=200)
    description = models.TextField(_("description"))
    category = models.CharField(_("category"), max_length=60, default="general")
    priority = models.SmallIntegerField(_("priority"), choices=Priority.choices, default=Priority.MEDIUM)
    status = models.CharField(_("status"), max_length=20, choices=TaskStatus.choices, default=TaskStatus.PENDING)
    is_started = models.BooleanField(_("started"), default=True)  # False: waits for somebody to press start
    policy = CheckedJSON(_("policy"), default=dict, blank=True, schema=POLICY_SCHEMA)
    cast = CheckedJSON(_("models asked for"), default=dict, blank=True, schema=CAST_SCHEMA)  # role → public id of a model
    approve_plan = models.BooleanField(_("a person approves the plan"), default=False)
    plan_approved_at = models.DateTimeField(_("plan approved"), null=True, blank=True)
    budget_usd = models.DecimalField(_("budget, US$"), null=True, blank=True, **MONEY)
    deadline = models.DateTimeField(_("deadline"), null=True, blank=True)
    plan = CheckedSaidJSON(_("plan"), null=True, blank=True, schema={"type": ["object", "null"]})
    result = models.TextField(_("result"), blank=True)
    confidence = models.DecimalField(_("confidence, %"), null=True, blank=True, **PERCENT)
    error_code = models.CharField(max_length=40, blank=True)
    error = SaidText(_("error"), blank=True)
    error_data = SaidJSON(default=dict, blank=True)  # what the words for `error_code` are filled with
    is_sample = models.BooleanField(default=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=80, blank=True)  # which worker runs it
    lease_until = models.DateTimeField(null=True, blank=True)
    runs = models.PositiveIntegerField(default=0)  # how often a worker has taken it up
    idempotency_key = models.CharField(max_length=120, null=True, blank=True)  # noqa: DJ001 - unique only where there is one
    deleted_at = models.DateTimeField(null=True, blank=True)  # for a while it can be brought back

    objects = TaskQuerySet.as_manager()

    class Meta:
        db_table = "tasks"
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        ordering = ["-created_at", "-pk"]
        indexes = [
            # Ascending: read backwards they give the newest first and, of the same moment, the highest key first.
            models.Index(fields=["team", "deleted_at", "created_at"], name="tasks_of_team"),
            models.Index(fields=["team", "deleted_at", "status", "created_at"], name="tasks_by_status"),
            models.Index(fields=["team", "deleted_at", "owner", "created_at"], name="tasks_of_person"),
            models.Index(fields=["deleted_at"], name="tasks_deleted"),
            models.Index(fields=["status", "-priority", "created_at"], name="tasks_waiting"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(status__in=TaskStatus.values), name="task_status_known"),
            models.CheckConstraint(condition=Q(budget_usd__isnull=True) | Q(budget_usd__gt=0), name="task_budget_above_zero"),
            models.UniqueConstraint(fields=["owner", "idempotency_key"], name="task_once_per_idempotency_key"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def is_ended(self) -> bool:
        return self.status in ENDED

    @property
    def is_at_work(self) -> bool:
        return self.status in AT_WORK

    @property
    def is_held(self) -> bool:
        """A worker has it now, perhaps still finishing what it began before a pause."""
        return self.lease_until is not None and self.lease_until >= timezone.now()


class Subtask(Row):
    """One step of a task's plan. The three families are kept so that the database itself refuses a model that checks itself."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="subtasks")
    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="+", editable=False)
    order = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=200)
    description = models.TextField()
    category = models.CharField(max_length=60, default="general")
    acceptance_criteria = CheckedJSON(default=list, blank=True, schema=CRITERIA_SCHEMA)
    depends_on: models.ManyToManyField = models.ManyToManyField(
        "self", symmetrical=False, related_name="needed_by", db_table="subtask_dependencies"
    )
    status = models.CharField(max_length=20, choices=SubtaskStatus.choices, default=SubtaskStatus.PENDING)
    round = models.PositiveSmallIntegerField(default=1)  # a retry by hand opens a new round; the journal keeps the old ones
    attempts = models.PositiveSmallIntegerField(default=0)
    escalations = models.PositiveSmallIntegerField(default=0)
    asked_executor = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    executor = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    executor_family = models.CharField(max_length=120, null=True, blank=True)  # noqa: DJ001 - an empty seat equals no other
    validator = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    validator_family = models.CharField(max_length=120, null=True, blank=True)  # noqa: DJ001
    tie_breaker = models.ForeignKey(AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    tie_breaker_family = models.CharField(max_length=120, null=True, blank=True)  # noqa: DJ001
    # The specialized AI that each seat's model spoke as; empty where it spoke as itself.
    executor_as = models.ForeignKey(SpecializedAI, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    validator_as = models.ForeignKey(SpecializedAI, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    tie_breaker_as = models.ForeignKey(SpecializedAI, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    result = models.TextField(blank=True)
    verdict = CheckedJSON(null=True, blank=True, schema={"type": ["object", "null"]})
    divergence = models.DecimalField(null=True, blank=True, **PERCENT)
    divergence_parts = CheckedJSON(default=dict, blank=True, schema={"type": "object"})
    tie_break = CheckedJSON(null=True, blank=True, schema={"type": ["object", "null"]})  # {winner, reason, answer}
    confidence = models.DecimalField(null=True, blank=True, **PERCENT)
    cross_validated = models.BooleanField(null=True, blank=True)
    suspect = models.BooleanField(default=False)
    error_code = models.CharField(max_length=40, blank=True)
    error = SaidText(blank=True)
    error_data = SaidJSON(default=dict, blank=True)  # what the words for `error_code` are filled with
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "subtasks"
        verbose_name = _("subtask")
        verbose_name_plural = _("subtasks")
        ordering = ["task", "order"]
        indexes = [
            models.Index(fields=["finished_at", "status"], name="subtasks_finished"),
            models.Index(fields=["team", "created_at"], name="subtasks_of_team"),  # the task's, so that a list needs no join
        ]
        constraints = [
            models.UniqueConstraint(fields=["task", "order"], name="subtask_order_once_per_task"),
            models.CheckConstraint(condition=Q(status__in=SubtaskStatus.values), name="subtask_status_known"),
            models.CheckConstraint(condition=~Q(executor_family=F("validator_family")), name="subtask_checker_is_not_author"),
            models.CheckConstraint(condition=~Q(executor_family=F("tie_breaker_family")), name="subtask_judge_is_not_author"),
            models.CheckConstraint(condition=~Q(validator_family=F("tie_breaker_family")), name="subtask_judge_is_not_checker"),
        ]

    def __str__(self) -> str:
        return f"{self.order}. {self.title}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.team_id is None:
            self.team_id = self.task.team_id
        super().save(*args, **kwargs)

    def clear_work(self) -> None:
        """Empty the seats and take away what they made; nothing is saved."""
        self.executor = self.validator = self.tie_breaker = None
        self.executor_family = self.validator_family = self.tie_breaker_family = None
        self.executor_as = self.validator_as = self.tie_breaker_as = None
        self.result, self.verdict, self.tie_break = "", None, None
        self.error_code, self.error, self.error_data = "", "", {}
        self.divergence = self.confidence = self.cross_validated = None
        self.divergence_parts, self.suspect = {}, False


class Step(models.Model):
    """One stage of the flow for one task: what it was called, what it gave, when. `result` null: begun, not finished."""

    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="steps")
    subtask = models.ForeignKey(Subtask, null=True, blank=True, on_delete=models.CASCADE, related_name="steps")
    key = models.CharField(max_length=120)  # "plan", "s2.r1.a1/execute"
    stage = models.CharField(max_length=20)
    result = SaidJSON(null=True, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = SaidText(blank=True)

    class Meta:
        db_table = "task_steps"
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["task", "started_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["task", "key"], name="step_once_per_task")]

    def __str__(self) -> str:
        return self.key


class Call(models.Model):
    """One answer of one AI inside a step: what was asked, what came back. Its cost is in `usage`."""

    class Status(models.TextChoices):
        STARTED = "started", _("Started")
        DONE = "done", _("Answered")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    public_id = models.UUIDField(unique=True)
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="calls")
    subtask = models.ForeignKey(Subtask, null=True, blank=True, on_delete=models.CASCADE, related_name="calls")
    key = models.CharField(max_length=120)  # "s2.r1.a1/execute#1"
    purpose = models.CharField(max_length=20)
    model = models.ForeignKey(AIModel, null=True, on_delete=models.SET_NULL, related_name="+")
    model_name = models.CharField(max_length=190)
    specialized_ai = models.ForeignKey(SpecializedAI, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.STARTED)
    request = models.JSONField(default=list)
    text = models.TextField(blank=True)  # grows while it streams, whole when done
    answer = models.JSONField(null=True, blank=True)  # the Completion, to be read back by a restarted task
    error_code = models.CharField(max_length=40, blank=True)
    error = SaidText(blank=True)
    usage = models.OneToOneField(CreditUsage, null=True, blank=True, on_delete=models.SET_NULL, related_name="call")
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "task_calls"
        verbose_name = _("call of an AI")
        verbose_name_plural = _("calls of AIs")
        ordering = ["task", "started_at", "pk"]
        indexes = [models.Index(fields=["started_at"], name="task_calls_started")]
        constraints = [models.UniqueConstraint(fields=["task", "key"], name="call_once_per_task")]

    def __str__(self) -> str:
        return self.key


class ExecutionLog(models.Model):
    """A line of the log: what happened to a task or a routed prompt, in words. Written by `apps.tasks.logbook`."""

    class Audience(models.TextChoices):
        TEAM = "team", _("the team")
        MANAGERS = "managers", _("who did it, and admins")
        PERSON = "person", _("who did it")

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="+")
    task = models.ForeignKey(Task, null=True, blank=True, on_delete=models.CASCADE, related_name="logs")
    subtask = models.ForeignKey(Subtask, null=True, blank=True, on_delete=models.CASCADE, related_name="logs")
    execution = models.ForeignKey("tasks.TaskExecution", null=True, blank=True, on_delete=models.CASCADE, related_name="logs")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    audience = models.CharField(max_length=8, choices=Audience.choices, default=Audience.TEAM)
    level = models.CharField(max_length=8, default="info")
    event = models.CharField(max_length=40)
    model_name = models.CharField(max_length=190, blank=True)  # as it was called then
    message = SaidText(blank=True)
    data = SaidJSON(default=dict, blank=True)
    request_id = models.CharField(max_length=64, blank=True, default=current_id)  # the lines of the log have it too
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "execution_logs"
        verbose_name = _("log entry")
        verbose_name_plural = _("log entries")
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["task", "created_at"], name="execution_logs_of_task"),
            models.Index(fields=["team", "created_at"], name="execution_logs_of_team"),
            models.Index(fields=["team", "level", "created_at"], name="execution_logs_by_level"),
            models.Index(fields=["team", "event", "created_at"], name="execution_logs_by_event"),
            models.Index(fields=["team", "model_name", "created_at"], name="execution_logs_by_model"),
            models.Index(fields=["team", "person", "created_at"], name="execution_logs_by_person"),
            models.Index(fields=["team", "request_id"], name="execution_logs_by_request"),
        ]

    def __str__(self) -> str:
        return f"{self.event} {self.message}"
