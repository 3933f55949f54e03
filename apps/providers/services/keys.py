"""Keys of AI vendors: adding, replacing, testing and removing them, and which providers they serve."""

from __future__ import annotations

import threading
import time
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.common.db import in_db
from apps.common.errors import Conflict, NotFound
from apps.common.said import gettext as _
from apps.providers.adapters import make_adapter
from apps.providers.addresses import KINDS_WITHOUT_ADDRESS
from apps.providers.balances import TELLS, key_proof
from apps.providers.contract import CheckResult, Connection
from apps.providers.errors import AuthenticationFailed, ProviderError
from apps.providers.models import Provider, ProviderKey
from apps.providers.presets import vendor_of
from apps.providers.services import checks, key_checks
from apps.providers.services.breakers import provider_changed
from apps.providers.services.checks import FieldErrors
from apps.providers.services.places import allow_address

USED_TO_THE_S = 60.0
ADMINISTRATORS = ("sk-admin-", "sk-ant-admin")  # OpenAI's and Anthropic's
_CHANGEABLE = ("name", "secret", "is_active", "expires_at")
_noted: dict[int, float] = {}  # when this process last noted the use of a key, by its number
_noting = threading.Lock()


def key_create(
    actor: Actor, *, name: str, kind: str, base_url: str = "", secret: str, expires_at: datetime | None = None
) -> ProviderKey:
    """A key of the actor's team for the place that `kind` and `base_url` lead to, and no other. Raises BadInput by field."""
    actor.must_work()
    errors = FieldErrors()
    key = ProviderKey(team=actor.team, owner=actor.user, expires_at=expires_at)
    key.name = checks.text(name, "name", errors, most=120, required=True)
    key.kind = checks.kind(kind, errors)
    key.base_url = checks.base_url(base_url, errors, required=kind in KINDS_WITHOUT_ADDRESS)
    if key.kind == "builtin":
        errors.add("kind", _("The built-in engine takes no key."))
    key.secret = _needed(secret, errors, key)
    allow_address(actor, key, errors)
    errors.raise_if_any()
    key.save()
    return key


def key_update(actor: Actor, key: ProviderKey, **changes: Any) -> ProviderKey:
    """Change any of name, secret, is_active, expires_at. It keeps its vendor and address. Raises BadInput by field.

    A new secret forgets what the last test said, and what failed of the providers that use it is tried again.
    """
    actor.must_own(key.owner_id)
    errors = FieldErrors()
    checks.unknown_fields(changes, _CHANGEABLE, errors)
    if "name" in changes:
        key.name = checks.text(changes["name"], "name", errors, most=120, required=True)
    if "secret" in changes:
        key.secret = _needed(changes["secret"], errors, key)
        key.last_tested_at, key.last_test_ok, key.last_test_message, key.last_test_ms = None, None, "", None
    if "is_active" in changes:
        key.is_active = bool(changes["is_active"])
    if "expires_at" in changes:
        key.expires_at = changes["expires_at"]
    errors.raise_if_any()
    _save(key)
    _tell_users(key, list(key.providers.all()))
    return key


def key_delete(actor: Actor, key: ProviderKey, *, also_in_use: bool = False) -> None:
    """Remove it. One that is in use only with `also_in_use`: what used it has no key then. Conflict names what uses it."""
    actor.must_own(key.owner_id)
    users = [str(one) for one in (*key.providers.all(), *key.accounts.all())]
    if users and not also_in_use:
        raise Conflict(_("“%(key)s” is used by: %(users)s.") % {"key": key, "users": ", ".join(users)})
    providers = list(key.providers.all())
    with transaction.atomic():
        key.delete()
        _tell_users(key, providers)


async def key_test(actor: Actor, key: ProviderKey) -> CheckResult:
    """Ask the vendor whether the key is good, and keep what it said. Never raises a ProviderError.

    No database connection is held meanwhile. A key that is switched off is asked about all the same: a person wants to know.
    """
    await in_db(actor.must_work)
    result = await _asked(key)
    await in_db(_test_store, key, result)
    return result


def key_put(actor: Actor, provider: Provider, secret: str) -> None:
    """Give a saved provider this key, "" for none, in the caller's transaction.

    A key that was given on the provider's page belongs to it: it changes with it and leaves with it. One of the keys page is
    shared, and never changed by the way: then the provider gets one of its own.
    """
    before = provider.key
    if secret and before and before.belongs_to_provider and not _is_used_besides(before, provider):
        key = before
    elif secret:
        key = ProviderKey(team=provider.team, owner=actor.user, name=provider.display_name, belongs_to_provider=True)
    else:
        key = None
    if key is not None:
        key.kind, key.base_url, key.secret = provider.kind, provider.base_url, secret
        key.allows_private_address = provider.allows_private_address
        key.last_tested_at, key.last_test_ok, key.last_test_message, key.last_test_ms = None, None, "", None
        key.save()
    key_link(provider, key)


def key_link(provider: Provider, key: ProviderKey | None) -> None:
    """Have a saved provider use this key, in the caller's transaction. One that belonged to it and serves no other goes."""
    before = provider.key
    provider.key = key
    provider.save(update_fields=["key", "updated_at"])
    key_let_go(before if before != key else None)


def key_let_go(key: ProviderKey | None) -> None:
    """A provider uses it no longer: remove it if it belonged to that one and nothing else uses it."""
    if key is not None and key.belongs_to_provider and not key.providers.exists() and not key.accounts.exists():
        key.delete()


def key_used(key_id: int | None) -> None:
    """Note that a key was used, to the minute, and once a minute for each process at most. In the caller's transaction."""
    if key_id is None:
        return
    with _noting:
        if time.monotonic() - _noted.get(key_id, -USED_TO_THE_S) < USED_TO_THE_S:
            return
        _noted[key_id] = time.monotonic()
    now = timezone.now()
    stale = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(seconds=USED_TO_THE_S))
    ProviderKey.objects.filter(stale, pk=key_id).update(last_used_at=now)


async def _asked(key: ProviderKey) -> CheckResult:
    connection = Connection(
        kind=key.kind, base_url=key.base_url, api_key=key.secret, name=key.name, allow_private=key.allows_private_address
    )
    try:
        async with aclosing(make_adapter(connection)) as adapter:
            result = await adapter.check()
        if result.ok and (prove := key_proof(vendor_of(key.kind, key.base_url))):
            await prove(connection)
        return result
    except ProviderError as error:
        if isinstance(error, AuthenticationFailed) and key.secret.startswith(ADMINISTRATORS):
            return await _administrators(connection, vendor_of(key.kind, key.base_url))
        return CheckResult(ok=False, message=error.message, error_code=error.code)


async def _administrators(connection: Connection, vendor: str) -> CheckResult:
    """A key that serves no model may still tell of the account."""
    began = time.monotonic()
    try:
        await TELLS[vendor](connection)
    except ProviderError as error:
        return CheckResult(ok=False, message=error.message, error_code=error.code)
    message = _("This is an administrator's key: it tells what the account spent, and no model answers to it.")
    return CheckResult(ok=True, message=message, latency_ms=round((time.monotonic() - began) * 1000))


def _test_store(key: ProviderKey, result: CheckResult) -> None:
    key.last_tested_at = timezone.now()
    key.last_test_ok, key.last_test_message, key.last_test_ms = result.ok, result.message, result.latency_ms
    fields = ("last_tested_at", "last_test_ok", "last_test_message", "last_test_ms")
    ProviderKey.objects.filter(pk=key.pk).update(**{field: getattr(key, field) for field in fields})


def _needed(value: Any, errors: FieldErrors, key: ProviderKey) -> str:
    text = key_checks.secret(value, errors, kind=key.kind, base_url=key.base_url, field="secret")
    if not text:
        errors.add("secret", _("Enter the key."), code="required")
    return text


def _tell_users(key: ProviderKey, providers: list[Provider]) -> None:
    """What failed of them may go now; and who holds a connection with the key as it was makes another one."""
    Provider.objects.filter(pk__in=[provider.pk for provider in providers]).update(updated_at=timezone.now())
    for provider in providers:
        provider_changed(provider)


def _is_used_besides(key: ProviderKey, provider: Provider) -> bool:
    return key.providers.exclude(pk=provider.pk).exists() or key.accounts.exists()


@transaction.atomic
def _save(key: ProviderKey) -> None:
    if not ProviderKey.objects.select_for_update().filter(pk=key.pk).exists():
        raise NotFound(_("This key was removed meanwhile."))
    key.save()
