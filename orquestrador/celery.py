"""Celery, whose messages are doorbells: a message says "there may be work", the database says what work there is."""

from __future__ import annotations

import os

from celery import Celery

from orquestrador import filebroker  # noqa: F401 - makes the embedded broker known

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orquestrador.settings")

app = Celery("orquestrador")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")
