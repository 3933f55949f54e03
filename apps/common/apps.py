from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "apps.common"

    def ready(self) -> None:
        from django.db.backends.signals import connection_created

        from apps.common import db, encryption, pulse  # noqa: F401  pulse marks this process as alive if it is a worker

        encryption.install()
        connection_created.connect(db.statements_again)
