"""Everything that people change about tasks, and about prompts on their way through the route. One module a story."""

from apps.tasks.services.tasks import (
    plan_approve,
    subtask_escalate,
    subtask_retry,
    task_cancel,
    task_create,
    task_delete,
    task_escalate,
    task_pause,
    task_resume,
    task_start,
    task_update,
)

__all__ = [
    "plan_approve",
    "subtask_escalate",
    "subtask_retry",
    "task_cancel",
    "task_create",
    "task_delete",
    "task_escalate",
    "task_pause",
    "task_resume",
    "task_start",
    "task_update",
]
