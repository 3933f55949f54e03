from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TasksConfig(AppConfig):
    name = "apps.tasks"
    verbose_name = _("Tasks")

    def ready(self) -> None:
        from apps.common.hub import read_on
        from apps.tasks import consumers

        read_on("task:changed", consumers.read_task)
        read_on("team:changed", consumers.read_tasks_of_team)
