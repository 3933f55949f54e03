"""Whether a step's work is to be checked by another AI: always, unless the policy says from when on."""

from __future__ import annotations

import hashlib

from apps.tasks.engine.complexity import estimate
from apps.tasks.engine.types import PRIORITIES, PlannedSubtask, TaskSpec, VerifyRule


def rule_for(task: TaskSpec, category: str) -> VerifyRule:
    """The rule of the step's category, else that of the task."""
    return task.policy.verify_by_category.get(category, task.policy.verify)


def is_check_due(task: TaskSpec, subtask: PlannedSubtask) -> bool:
    """The same answer each time for one step in one round, so that every attempt and every restart goes the same way."""
    if not task.policy.cross_validate:
        return False
    rule = rule_for(task, subtask.category)
    match rule.when:
        case "from_complexity":
            return estimate(subtask.description).score >= rule.from_complexity
        case "from_priority":
            return PRIORITIES.index(task.priority) >= PRIORITIES.index(rule.from_priority)
        case "sample":
            return _lot(f"{task.id}/{subtask.order}/{subtask.round}/verify") < rule.sample_percent
        case "always":
            return True


def checks_everything(task: TaskSpec) -> bool:
    """Whether no step can go unchecked, so that a missing checker is worth telling before anything is paid for."""
    rules = (task.policy.verify, *task.policy.verify_by_category.values())
    return task.policy.cross_validate and all(rule.when == "always" for rule in rules)


def _lot(what: str) -> float:
    """A number of 0 up to 100 that is drawn once for all."""
    drawn = hashlib.sha256(what.encode()).digest()
    return int.from_bytes(drawn[:6], "big") / 2**48 * 100
