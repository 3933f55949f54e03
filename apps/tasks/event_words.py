"""What each event of the log is called, for filters and headings; whole sentences are in `apps/tasks/messages.py`."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

LABELS = {
    "another_model_speaks": gettext_lazy("Another model speaks"),
    "author_failed": gettext_lazy("Author failed"),
    "author_took_over": gettext_lazy("Author took over"),
    "awaiting_approval": gettext_lazy("Awaiting approval"),
    "cancelled": gettext_lazy("Cancelled"),
    "checker_failed": gettext_lazy("Checker failed"),
    "compared": gettext_lazy("Compared"),
    "completed": gettext_lazy("Completed"),
    "continued": gettext_lazy("Continued"),
    "created": gettext_lazy("Created"),
    "deleted": gettext_lazy("Deleted"),
    "escalated": gettext_lazy("Escalated"),
    "escalated_by_hand": gettext_lazy("Escalated by hand"),
    "failed": gettext_lazy("Failed"),
    "interrupted": gettext_lazy("Interrupted"),
    "judge_failed": gettext_lazy("Judge failed"),
    "no_checker_answered": gettext_lazy("No checker answered"),
    "over_budget": gettext_lazy("Over budget"),
    "over_shared_budget": gettext_lazy("Over shared budget"),
    "paused": gettext_lazy("Paused"),
    "plan_approved": gettext_lazy("Plan approved"),
    "plan_changed": gettext_lazy("Plan changed"),
    "plan_refused": gettext_lazy("Plan refused"),
    "planner_failed": gettext_lazy("Planner failed"),
    "price_unknown": gettext_lazy("Price unknown"),
    "prompt_answered": gettext_lazy("Prompt answered"),
    "prompt_escalated": gettext_lazy("Prompt escalated"),
    "prompt_failed": gettext_lazy("Prompt failed"),
    "queued": gettext_lazy("Queued"),
    "read_in_parts": gettext_lazy("Read in parts"),
    "restored": gettext_lazy("Restored"),
    "resumed": gettext_lazy("Resumed"),
    "retried": gettext_lazy("Retried"),
    "ruling_refused": gettext_lazy("Ruling refused"),
    "server_failed": gettext_lazy("Server failed"),
    "started": gettext_lazy("Started"),
    "step_approved": gettext_lazy("Step approved"),
    "subtask_failed": gettext_lazy("Subtask failed"),
    "suspect": gettext_lazy("Suspect"),
    "too_few_models": gettext_lazy("Too few models"),
    "verdict_refused": gettext_lazy("Verdict refused"),
}


def event_label(event: str) -> str:
    """The event's name in the language of now; of one that has none, the event itself as words."""
    return str(LABELS[event]) if event in LABELS else event.replace("_", " ").capitalize()
