"""The shapes of tasks and of routed prompts in the API. One module a story."""

from apps.tasks.serializers.tasks import (
    CardSerializer,
    LogSerializer,
    StatsSerializer,
    SubtaskSerializer,
    TaskSerializer,
)

__all__ = ["CardSerializer", "LogSerializer", "StatsSerializer", "SubtaskSerializer", "TaskSerializer"]
