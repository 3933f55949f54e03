"""What the pages of providers and models share."""

from __future__ import annotations

from apps.accounts.actor import Actor
from apps.common.errors import OrquestradorError
from apps.common.models import OwnedRow
from apps.providers.models import Provider


def may_change(actor: Actor, provider: Provider) -> bool:
    return may_change_row(actor, provider)


def may_change_row(actor: Actor, row: OwnedRow) -> bool:
    try:
        actor.must_own(row.owner_id)
    except OrquestradorError:
        return False
    return True
