"""Pages of tasks and of the orchestrator. One module a story."""

from apps.tasks.views.home import dashboard

__all__ = ["dashboard"]
