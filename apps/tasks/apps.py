from django.apps import AppConfig


class TasksConfig(AppConfig):
    name = "apps.tasks"

    def ready(self) -> None:
        from apps.common.hub import read_on
        from apps.tasks import consumers

        read_on("task:changed", consumers.read_task)
        read_on("team:changed", consumers.read_tasks_of_team)
