"""Accounts at AI vendors: keeping them, asking what is left, and saying once when that is little."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.urls import reverse
from django.utils import timezone, translation

from apps.accounts.actor import Actor
from apps.accounts.models import Membership, Role, User
from apps.accounts.services import notify
from apps.common.db import again_after_deadlock, in_db
from apps.common.errors import Conflict, NotFound
from apps.common.restoring import must_be_of, rows_again
from apps.common.said import gettext as _
from apps.providers.amounts import amount_in
from apps.providers.balances import TELLS, Balance
from apps.providers.contract import Connection
from apps.providers.errors import AuthenticationFailed, ProviderError
from apps.providers.models import ExternalAccount, ProviderKey
from apps.providers.presets import choice_of
from apps.providers.selectors.accounts import left_of, spend_by_vendor
from apps.providers.services import checks
from apps.providers.services.checks import FieldErrors
from apps.providers.services.keys import key_create

SYNC_EVERY = timedelta(hours=1)
AFTER_FAILURE = timedelta(hours=6)
MOST_AT_ONCE = 20
MOST_MONEY = Decimal(10) ** 9
_CHANGEABLE = ("name", "key", "credit_limit", "alert_below")


def account_create(
    actor: Actor,
    *,
    vendor: str,
    name: str = "",
    key: ProviderKey | None = None,
    secret: str = "",
    credit_limit: Any = None,
    alert_below: Any = None,
) -> ExternalAccount:
    """An account at `vendor` (a preset's name), with a key that the team has or a new one. Raises BadInput by field.

    `credit_limit` is what may be spent in a month, for vendors that tell nothing. Both amounts are None for none.
    """
    actor.must_work()
    errors = FieldErrors()
    choice = choice_of(vendor)
    if choice is None or choice.group != "vendor":
        errors.add("vendor", _("There is no vendor “%s”.") % vendor)
        errors.raise_if_any()
    assert choice
    account = ExternalAccount(team=actor.team, owner=actor.user, vendor=vendor)
    account.name = checks.text(name or choice.name, "name", errors, most=120, required=True)
    if key is not None and secret:
        errors.add("key", _("Choose a key or enter one, not both."))
    _apply(account, {"key": key, "credit_limit": credit_limit, "alert_below": alert_below}, errors)
    errors.raise_if_any()
    with transaction.atomic():
        if secret:
            account.key = key_create(actor, name=account.name, kind=choice.kind, base_url=choice.base_url, secret=secret)
        account.sync_after = _first_look(account)
        account.save()
    return account


def account_update(actor: Actor, account: ExternalAccount, **changes: Any) -> ExternalAccount:
    """Change any of name, key, credit_limit, alert_below. Raises BadInput by field."""
    actor.must_own(account.owner_id)
    errors = FieldErrors()
    checks.unknown_fields(changes, _CHANGEABLE, errors)
    if "name" in changes:
        account.name = checks.text(changes["name"], "name", errors, most=120, required=True)
    _apply(account, changes, errors)
    errors.raise_if_any()
    account.sync_after = _first_look(account)
    account.alerted_at = None  # another level, or another account: it may have to be said again
    with transaction.atomic():
        if not ExternalAccount.objects.select_for_update().filter(pk=account.pk).exists():
            raise NotFound(_("This account was removed meanwhile."))
        account.save()
    return account


def account_delete(actor: Actor, account: ExternalAccount) -> None:
    """Remove it here; at the vendor nothing changes, and its key stays."""
    actor.must_own(account.owner_id)
    account.delete()


def accounts_restore(actor: Actor, accounts: list[ExternalAccount]) -> int:
    """Undo a deletion. Raises Conflict where its key is gone. Gives how many."""

    def before(account: ExternalAccount) -> None:
        must_be_of(actor, account)
        actor.must_own(account.owner_id)

    return rows_again(accounts, before)


async def account_sync(actor: Actor, account: ExternalAccount) -> ExternalAccount:
    """Ask the vendor what is left, and keep it. Conflict where this vendor tells nothing or there is no key; or ProviderError."""
    await in_db(actor.must_work)
    if account.vendor not in TELLS:
        raise Conflict(_("%s tells nobody what is left. What was recorded here is all that is known.") % account)
    if account.key is None:
        raise Conflict(_("“%s” has no key to ask with.") % account)
    error = await _ask_and_keep(account)
    if error is not None:
        raise error
    return account


async def accounts_sync_due() -> int:
    """Ask about every account whose time has come, a few at once; gives how many. One process does each."""
    due = await in_db(_due)
    await asyncio.gather(*(_ask_and_keep(account) for account in due))
    return len(due)


async def _ask_and_keep(account: ExternalAccount) -> ProviderError | None:
    """What went wrong is kept as well as given. Of a vendor that tells nothing only the recorded spend is looked at."""
    if account.key is None or account.vendor not in TELLS:
        await in_db(_keep, account, None)
        return None
    try:
        balance = await TELLS[account.vendor](_connection(account, account.key))
    except ProviderError as error:
        await in_db(_keep_failure, account, error.message)
        return error
    await in_db(_keep, account, balance)
    return None


def _first_look(account: ExternalAccount) -> datetime | None:
    """At once where there is something to look at: a vendor that tells, or a limit and a level to compare with the spend."""
    can_ask = account.key is not None and account.vendor in TELLS
    can_compare = account.credit_limit is not None and account.alert_below is not None
    return timezone.now() if can_ask or can_compare else None


def _connection(account: ExternalAccount, key: ProviderKey) -> Connection:
    if key.refusal:
        raise AuthenticationFailed(key.refusal)
    return Connection(
        kind=key.kind, base_url=key.base_url, api_key=key.secret, name=account.name, allow_private=key.allows_private_address
    )


def _due() -> list[ExternalAccount]:
    """Each is put off before it is asked about, so that no other process asks as well."""
    now = timezone.now()
    rows = ExternalAccount.objects.filter(sync_after__lte=now).select_related("key")
    return [
        account
        for account in rows.order_by("sync_after")[:MOST_AT_ONCE]
        if ExternalAccount.objects.filter(pk=account.pk, sync_after=account.sync_after).update(sync_after=now + SYNC_EVERY)
    ]


@again_after_deadlock
def _keep(account: ExternalAccount, balance: Balance | None) -> None:
    row = ExternalAccount.objects.select_for_update().filter(pk=account.pk).first()
    if row is None:
        return
    for one in (row, account):
        one.sync_after = timezone.now() + SYNC_EVERY
        if balance is not None:
            one.balance, one.spent, one.currency = balance.left, balance.spent, balance.currency
            one.credit_limit = one.credit_limit if balance.limit is None else balance.limit
            one.last_synced_at, one.last_error = timezone.now(), ""
    _say_once(row)
    row.save()


def _keep_failure(account: ExternalAccount, message: str) -> None:
    account.last_error, account.sync_after = message, timezone.now() + AFTER_FAILURE
    fields = {"last_error": account.last_error, "sync_after": account.sync_after, "updated_at": timezone.now()}
    ExternalAccount.objects.filter(pk=account.pk).update(**fields)


def _say_once(account: ExternalAccount) -> None:
    """Below the level: said once, and again only after there was more."""
    level, left = account.alert_below, left_of(account, spend_by_vendor(account.team_id).get(account.vendor, Decimal(0)))
    if level is None or left is None:
        return
    if left >= level:
        account.alerted_at = None
    elif account.alerted_at is None:
        account.alerted_at = timezone.now()
        for person in _to_tell(account):
            _tell(person, account, left, level)


def _tell(person: User, account: ExternalAccount, left: Decimal, level: Decimal) -> None:
    with translation.override(person.language or None):
        notify(
            person,
            kind="account_low",
            title=_("%(account)s is running low: %(left)s left")
            % {"account": account, "left": amount_in(left, account.currency)},
            text=_("You asked to be told below %s.") % amount_in(level, account.currency),
            url=reverse("providers:account", args=[account.public_id]),
            team=account.team,
        )


def _to_tell(account: ExternalAccount) -> list[User]:
    """Whose account it is, as long as that person is in the team; else the team's owners and admins."""
    members = Membership.objects.filter(team=account.team_id, user__is_active=True).select_related("user")
    if own := members.filter(user=account.owner_id).first():
        return [own.user]
    return [member.user for member in members.filter(role__in=(Role.OWNER, Role.ADMIN))]


def _apply(account: ExternalAccount, changes: dict[str, Any], errors: FieldErrors) -> None:
    if "key" in changes:
        key, choice = changes["key"], choice_of(account.vendor)
        if key is not None and choice is not None and not key.is_for(choice.kind, choice.base_url):
            errors.add("key", _("The key “%s” was given for another address, and is sent nowhere else.") % key)
        account.key = key
    for field in ("credit_limit", "alert_below"):
        if field in changes:
            setattr(account, field, checks.money(changes[field], field, errors, most=MOST_MONEY))
