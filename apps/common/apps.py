from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "apps.common"

    def ready(self) -> None:
        from apps.common import encryption, pulse  # noqa: F401  pulse marks this process as alive if it is a worker

        encryption.install()
