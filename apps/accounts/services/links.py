"""The tokens of links: told once, kept as a hash, used once."""

from __future__ import annotations

import hashlib
import secrets

from django.utils import timezone

from apps.accounts.errors import LinkNotUsable
from apps.accounts.models import Invitation


def token_hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def token_create() -> str:
    return secrets.token_urlsafe(32)


def link_take(token: str, *, is_for_team: bool) -> Invitation:
    """The open link of this token, used from now on: of two who come at once, one gets it."""
    now = timezone.now()
    links = Invitation.objects.filter(token_hash=token_hash(token), team__isnull=not is_for_team)
    if not links.filter(accepted_at=None, expires_at__gt=now).update(accepted_at=now, updated_at=now):
        raise LinkNotUsable()
    return links.select_related("team").get()
