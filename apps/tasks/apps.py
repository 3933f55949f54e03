from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TasksConfig(AppConfig):
    name = "apps.tasks"
    verbose_name = _("Tasks")

    def ready(self) -> None:
        from apps.common import events, palette
        from apps.common.hub import read_on
        from apps.tasks import consumers, log_socket
        from apps.tasks.logbook import WRITTEN
        from apps.tasks.palette import tasks_found
        from apps.tasks.services.verdicts import answer_rated

        read_on("task:changed", consumers.read_task)
        read_on("team:changed", consumers.read_tasks_of_team)
        read_on(WRITTEN, log_socket.read_lines)
        palette.register("task", tasks_found)
        events.subscribe(events.AnswerRated, answer_rated)
