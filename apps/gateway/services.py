"""Everything that changes virtual keys."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import BadInput, NotAllowed, NotFound
from apps.gateway import admission
from apps.gateway.models import VirtualKey
from apps.providers.models import Budget
from apps.providers.services import budget_create, budget_delete, budget_update
from apps.providers.services.budgets import limits_tell

KEY_BYTES = 32
ENDING = 4
MOST_PER_MINUTE = 1_000_000_000
MOST_NAMES = 200
_CHANGEABLE = frozenset(
    "name allowed_models fallbacks requests_per_minute tokens_per_minute expires_at cuts_loops is_active".split()
)


def virtual_key_create(
    actor: Actor, *, name: str, budget_usd: Decimal | None = None, budget_period: str = Budget.Period.MONTH, **limits: Any
) -> tuple[VirtualKey, str]:
    """A key of the actor's own, and its text, which nobody can read again.

    `limits`: allowed_models, fallbacks (names as the gateway has them), requests_per_minute, tokens_per_minute, expires_at,
    cuts_loops (true where it is not said: answers of models asked for by name are cut when they go round in circles).
    `budget_usd` is the most it may spend in a day or a month. Raises BadInput by field.
    """
    actor.must_work()
    text = admission.PREFIX + secrets.token_urlsafe(KEY_BYTES)
    key = VirtualKey(owner=actor.user, team=actor.team, key_hash=admission.key_hash(text), ending=text[-ENDING:])
    _set(key, name=name, **limits)
    if key.expires_at is not None and key.expires_at <= timezone.now():
        raise BadInput(_("This time is over already."), field="expires_at")
    with transaction.atomic():
        key.save()
        if budget_usd is not None:
            _budget_put(actor, key, budget_usd, budget_period)
    _forget()
    return key, text


def virtual_key_update(actor: Actor, key: VirtualKey, **changes: Any) -> VirtualKey:
    """Change its limits, its name, or switch it off and on. `budget_usd` None takes its budget away.

    The key itself stays as it is. Holds for its next request: at once in this process, within five seconds in others.
    """
    _must_change(actor, key)
    budget_usd = changes.pop("budget_usd", ...)
    period = changes.pop("budget_period", None)
    _set(key, **changes)
    with transaction.atomic():
        if not VirtualKey.objects.select_for_update().filter(pk=key.pk).exists():
            raise NotFound()  # deleted meanwhile
        key.save(update_fields=[*changes, "updated_at"])  # when it was last used is written meanwhile
        if budget_usd is None:
            for budget in budgets_of(key):
                budget_delete(actor, budget)
        elif budget_usd is not ... or period is not None:
            _budget_put(actor, key, None if budget_usd is ... else budget_usd, period)
    _forget()
    return key


def virtual_key_delete(actor: Actor, key: VirtualKey) -> None:
    """Revoke it for good. What was spent with it stays on record."""
    _must_change(actor, key)
    with transaction.atomic():
        VirtualKey.objects.select_for_update().filter(pk=key.pk).first()  # before its budgets, as where it is changed
        for budget in budgets_of(key):
            budget.delete()
        key.delete()
    _forget()


def budgets_of(key: VirtualKey) -> list[Budget]:
    return list(Budget.objects.filter(team=key.team_id, scope=Budget.Scope.KEY, key_id=key.public_id).order_by("pk"))


def _budget_put(actor: Actor, key: VirtualKey, limit_usd: Decimal | None, period: str | None) -> None:
    """A key has one budget of its own here; others that were made for it on the page of budgets stay."""
    known = budgets_of(key)
    if known:
        changes: dict[str, Any] = {"period": period} if period else {}
        if limit_usd is not None:
            changes["limit_usd"] = limit_usd
        budget_update(actor, known[0], **changes)
    elif limit_usd is not None:
        budget_create(
            actor,
            scope=Budget.Scope.KEY,
            period=period or Budget.Period.MONTH,
            limit_usd=limit_usd,
            person=key.owner,
            key_id=key.public_id,
            name=key.name,
        )


def _set(key: VirtualKey, **changes: Any) -> None:
    if unknown := changes.keys() - _CHANGEABLE:
        raise BadInput(_("This cannot be changed."), field=min(unknown))
    if "name" in changes:
        key.name = changes["name"].strip()[:120]
        if not key.name:
            raise BadInput(_("Give it a name, so that you know it again."), field="name")
    for field in ("allowed_models", "fallbacks"):
        if field in changes:
            setattr(key, field, _names(changes[field], field))
    for field in ("requests_per_minute", "tokens_per_minute"):
        if field in changes:
            setattr(key, field, _limit(changes[field], field))
    if "expires_at" in changes:
        key.expires_at = changes["expires_at"]
    for field in ("cuts_loops", "is_active"):
        if field in changes:
            setattr(key, field, bool(changes[field]))


def _names(names: Sequence[str], field: str) -> list[str]:
    cleaned = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if len(cleaned) > MOST_NAMES or any(len(name) > 320 for name in cleaned):
        raise BadInput(_("There are %d names at most, of 320 characters at most.") % MOST_NAMES, field=field)
    return cleaned


def _limit(value: int | None, field: str) -> int | None:
    if value is not None and not 1 <= value <= MOST_PER_MINUTE:
        raise BadInput(_("A limit is a number from 1 to 1,000,000,000, or none."), field=field)
    return value


def _must_change(actor: Actor, key: VirtualKey) -> None:
    actor.must_work()
    if key.owner_id != actor.user.pk and not actor.can_manage:
        raise NotAllowed(_("Only whoever made this key, or an admin, can change it."))


def _forget() -> None:
    transaction.on_commit(admission.forget)
    limits_tell()
