"""Background jobs of accounts."""

from __future__ import annotations

import uuid

from celery import shared_task

from apps.accounts import services
from apps.accounts.models import Notification


@shared_task
def notification_mail(public_id: str) -> None:
    services.notification_send_mail(Notification.objects.select_related("user").get(public_id=uuid.UUID(public_id)))
