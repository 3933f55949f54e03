"""Who is let in: which key it is, whether it is still good, what it may ask, and how fast.

A key is read from the database once in five seconds for each process, so that is how long one that was switched off elsewhere
may still pass; in the process that switches it off it is forgotten at once. Requests and tokens a minute are counted by each
process for itself; money is not: see `holds`.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.models import Membership, Role
from apps.gateway.errors import BadKey, ModelNotAllowed, TooFast
from apps.gateway.kept import Kept
from apps.gateway.models import VirtualKey
from apps.gateway.wire import Exchange
from apps.providers.models import Budget

PREFIX = "orq_"
FRESH_S = 5.0


class Bucket:
    """Fills evenly, `per_minute` in a minute and never more; a full one lets a minute's worth through at once."""

    __slots__ = ("_at", "_left", "per_minute")

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._left = float(per_minute)
        self._at = time.monotonic()

    def wait_s(self, amount: float) -> float:
        """0 when `amount` can be taken now, else the seconds until it could. What never fits waits until it is full."""
        self._fill()
        lacking = min(amount, self.per_minute) - self._left
        return 0.0 if lacking <= 0 else lacking * 60.0 / max(self.per_minute, 1)

    def take(self, amount: float) -> None:
        """May go below zero: what an answer took beyond its estimate is missing afterwards."""
        self._left -= amount

    @property
    def left(self) -> int:
        return max(0, int(self._left))

    def _fill(self) -> None:
        now = time.monotonic()
        self._left = min(float(self.per_minute), self._left + (now - self._at) * self.per_minute / 60.0)
        self._at = now


@dataclass(frozen=True, slots=True)
class Admitted:
    """A key that was let in, with whom it stands for. `has_budget`: money has to be set aside before a call."""

    key_pk: int
    key_id: UUID
    team_pk: int
    owner_pk: int
    actor: Actor
    allowed: frozenset[str]
    fallbacks: tuple[str, ...]
    expires_at: datetime | None
    has_budget: bool
    cuts_loops: bool
    requests: Bucket | None = field(compare=False)
    tokens: Bucket | None = field(compare=False)

    def must_allow(self, name: str, *others: str) -> None:
        """`others` are names of the same model."""
        if self.allowed and not self.allowed.intersection((name, *others)):
            raise ModelNotAllowed(_("This key is not for the model %s. Ask whoever made the key.") % name, param="model")

    def take_request(self) -> None:
        """Raises TooFast."""
        if self.requests is None:
            return
        if wait_s := self.requests.wait_s(1):
            message = _("This key may make %(limit)d requests a minute. Try again in %(seconds).0f s.")
            raise TooFast(message % {"limit": self.requests.per_minute, "seconds": max(wait_s, 1)}, retry_after_s=wait_s)
        self.requests.take(1)

    def take_tokens(self, expected: int) -> None:
        """For the question; the answer's are taken when they are known. Raises TooFast."""
        if self.tokens is None:
            return
        if wait_s := self.tokens.wait_s(max(expected, 1)):
            message = _("This key may use %(limit)d tokens a minute. Try again in %(seconds).0f s.")
            raise TooFast(message % {"limit": self.tokens.per_minute, "seconds": max(wait_s, 1)}, retry_after_s=wait_s)
        self.tokens.take(expected)

    def correct_tokens(self, expected: int, actual: int) -> None:
        if self.tokens is not None:
            self.tokens.take(actual - expected)


_buckets: dict[tuple[int, str], Bucket] = {}


async def admit(exchange: Exchange) -> Admitted:
    """Whoever sent this, if the key is good. Raises BadKey and, for too many requests, TooFast."""
    text = key_in(exchange)
    if not text:
        raise BadKey(_("There is no key in this request. Send it as “Authorization: Bearer orq_…”."))
    found = await _known.get((key_hash(text), text[-4:] if len(text) > 12 else ""))
    if isinstance(found, BadKey):
        raise BadKey(found.message)
    if found.expires_at is not None and found.expires_at <= timezone.now():
        raise BadKey(_expired(found.expires_at))
    found.take_request()
    return found


def key_in(exchange: Exchange) -> str:
    """The key as OpenAI's clients send it, or as Anthropic's do."""
    scheme, _space, key = exchange.header(b"authorization").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return exchange.header(b"x-api-key").strip()


def key_hash(text: str) -> str:
    """A key is 256 random bits, so one round of SHA-256 is as good as a slow hash and can be looked up."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def forget() -> None:
    """Read all keys anew."""
    _known.forget()


def _read(key_of_text: tuple[str, str]) -> Admitted | BadKey:
    """By the hash of a key; its last characters are there for what is said of one that is not known."""
    hashed, tail = key_of_text
    works_there = Membership.objects.filter(user=OuterRef("owner"), team=OuterRef("team")).exclude(role=Role.VIEWER)
    limits = Budget.objects.filter(team=OuterRef("team"), is_active=True).filter(
        Q(scope=Budget.Scope.TEAM)
        | Q(scope=Budget.Scope.PERSON, person=OuterRef("owner"))
        | Q(scope=Budget.Scope.KEY, key_id=OuterRef("public_id"))
    )
    key = (
        VirtualKey.objects.filter(key_hash=hashed)
        .select_related("owner", "team")
        .annotate(works_there=Exists(works_there), has_budget=Exists(limits))
        .annotate(role=Membership.objects.filter(user=OuterRef("owner"), team=OuterRef("team")).values("role")[:1])
        .first()
    )
    if key is None:
        return BadKey(_("The key … %s is not known here.") % tail if tail else _("This key is not known here."))
    if not key.is_active:
        return BadKey(_("The key “%s” is switched off.") % key.name)
    if key.expires_at is not None and key.has_expired:
        return BadKey(_expired(key.expires_at))
    if key.owner is None or not key.owner.is_active or not key.works_there:
        return BadKey(_("Whoever made the key “%s” may no longer work in this team.") % key.name)
    return Admitted(
        key_pk=key.pk,
        key_id=key.public_id,
        team_pk=key.team.pk,
        owner_pk=key.owner.pk,
        actor=Actor(key.owner, key.team, key.role),
        allowed=frozenset(key.allowed_models),
        fallbacks=tuple(key.fallbacks),
        expires_at=key.expires_at,
        has_budget=key.has_budget,
        cuts_loops=key.cuts_loops,
        requests=_bucket(key.pk, "requests", key.requests_per_minute),
        tokens=_bucket(key.pk, "tokens", key.tokens_per_minute),
    )


def _expired(when: datetime) -> str:
    return _("This key expired on %s.") % f"{when:%Y-%m-%d %H:%M} UTC"


def _bucket(key_pk: int, what: str, per_minute: int | None) -> Bucket | None:
    """The one that this key has had so far, unless its limit was changed."""
    if per_minute is None:
        _buckets.pop((key_pk, what), None)
        return None
    known = _buckets.get((key_pk, what))
    if known is None or known.per_minute != per_minute:
        known = _buckets[key_pk, what] = Bucket(per_minute)
    return known


_known: Kept[tuple[str, str], Admitted | BadKey] = Kept(_read, fresh_s=FRESH_S)
