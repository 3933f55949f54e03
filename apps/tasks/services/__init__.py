"""Everything that people change about tasks, and about prompts on their way through the route. One module a story."""

from apps.tasks.services.audit import (
    AuditEntry,
    AuditProblem,
    AuditReport,
    audit_append,
    audit_setting,
    audit_verify,
)
from apps.tasks.services.bulk import tasks_cancel, tasks_delete, tasks_restore, tasks_start_again
from apps.tasks.services.routing import (
    execution_rate,
    routing_settings_update,
    rule_create,
    rule_delete,
    rule_update,
)
from apps.tasks.services.steps import subtask_add, subtask_approve, subtask_change, subtask_remove
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
    "AuditEntry",
    "AuditProblem",
    "AuditReport",
    "audit_append",
    "audit_setting",
    "audit_verify",
    "execution_rate",
    "plan_approve",
    "routing_settings_update",
    "rule_create",
    "rule_delete",
    "rule_update",
    "subtask_add",
    "subtask_approve",
    "subtask_change",
    "subtask_escalate",
    "subtask_remove",
    "subtask_retry",
    "task_cancel",
    "task_create",
    "task_delete",
    "task_escalate",
    "task_pause",
    "task_resume",
    "task_start",
    "task_update",
    "tasks_cancel",
    "tasks_delete",
    "tasks_restore",
    "tasks_start_again",
]
