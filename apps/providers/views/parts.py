"""What the pages of providers and models share."""

from __future__ import annotations

from django.http import HttpRequest

from apps.accounts.actor import Actor
from apps.common.errors import OrquestradorError
from apps.providers.models import Provider


class Asked(HttpRequest):
    """A request of somebody signed in."""

    actor: Actor


def may_change(actor: Actor, provider: Provider) -> bool:
    try:
        actor.must_own(provider.owner_id)
    except OrquestradorError:
        return False
    return True
