"""Answers that are given again: to the very same request, or to one that asks the same in other words.

`cache_look` comes before any model is asked, `cache_keep` after an answer stands. A cached answer is its owner's (a person in a
team, or a key of the gateway), and the whole team's only where the team shares them.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, Protocol
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.bulk import Outcome, in_parts, must_not_exceed
from apps.common.db import again_after_deadlock, in_db
from apps.providers.contract import Completion, Message, Usage
from apps.providers.models import AIModel
from apps.tasks.engine.routing.likeness import MOST_CHARS, cosine, those_alike
from apps.tasks.engine.routing.types import Cached, Needs, Routed, RoutedPrompt, Selection
from apps.tasks.engine.trust import rests_on_evidence
from apps.tasks.engine.types import ModelRef
from apps.tasks.models import CachedAnswer, RoutingSettings, TaskExecution
from apps.tasks.services.cache_vectors import embedded

Kind = Literal["exact", "semantic"]
log = logging.getLogger(__name__)

MOST_TEMPERATURE = 0.5  # who asks for more chance than that wants another answer each time
LEAST_CONFIDENCE = 70.0  # below it an answer would have been escalated, were there anybody to rise to
MOST_ENTRIES = 5_000  # of one team; beyond them the oldest go
MOST_ANSWER_CHARS = 200_000
ENTRIES_TO_COMPARE = 300  # the newest of one context
TEXTS_TO_EMBED = 8  # in one look: the prompt, and entries whose vector is not known yet


class CacheAsker(Protocol):
    """Who asks: what of the caller of a route the cache needs to know."""

    @property
    def team_id(self) -> int: ...
    @property
    def owner_id(self) -> int | None: ...
    @property
    def key_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True)
class _Terms:
    """On what terms this caller's answers are kept."""

    scope: str
    keep_s: int
    semantic_model: AIModel | None
    threshold: float  # cosine


# ── looking ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def cache_look(asker: CacheAsker, prompt: RoutedPrompt, needs: Needs, selection: Selection) -> Cached | None:
    """An answer that was given before to the same request, else to one that asks the same; None: a model has to be asked.

    The exact look is one transaction. The semantic look embeds only where an entry says the same in other words, and holds no
    connection meanwhile; when the embedding fails the route simply goes on.
    """
    if not may_be_cached(prompt) or not selection.ranked:
        return None
    terms = await in_db(_terms_of, asker)
    if terms is None:
        return None
    if found := await in_db(_exact, asker, terms, _fitting(prompt)):
        return found
    near = await _nearest(asker, terms, prompt, selection.ranked[0].family)
    return await in_db(_used, near[0], "semantic", likeness=near[1]) if near else None


async def cache_has(asker: CacheAsker, prompt: RoutedPrompt, family: str) -> bool:
    """Whether `cache_look` would find an answer, so that no model has to be made ready. Counts no hit; embeds as that does.

    `family`: of the model that would be asked.
    """
    if not may_be_cached(prompt) or (terms := await in_db(_terms_of, asker)) is None:
        return False
    if await in_db(lambda: _entries(asker, terms).filter(request_hash__in=_fitting(prompt)).exists()):
        return True
    return await _nearest(asker, terms, prompt, family) is not None


def _fitting(prompt: RoutedPrompt) -> set[str]:
    return {request_hash(prompt), request_hash(replace(prompt, verify=True))}  # who asks for no check may have one


def may_be_cached(prompt: RoutedPrompt) -> bool:
    """No tools, no pictures, no wish for chance, and nobody said that they want a fresh answer."""
    request = prompt.request
    return (
        prompt.use_cache
        and not request.tools
        and not request.logprobs
        and not prompt.has_images
        and not any(message.tool_calls or message.role == "tool" for message in request.messages)
        and (request.temperature is None or request.temperature <= MOST_TEMPERATURE)
    )


def request_hash(prompt: RoutedPrompt) -> str:
    """Of everything that the answer depends on."""
    return _hash({**_context_of(prompt), "messages": [_plain(message) for message in prompt.request.messages]})


def context_hash(prompt: RoutedPrompt, family: str) -> str:
    """Of everything but the last message, with the family of the models: within it, prompts are compared by meaning."""
    *earlier, last = prompt.request.messages
    return _hash(
        {**_context_of(prompt), "messages": [_plain(message) for message in earlier], "last": last.role, "family": family}
    )


def _context_of(prompt: RoutedPrompt) -> dict[str, Any]:
    request = prompt.request
    return {
        "parameters": [request.max_output_tokens, request.temperature, request.seed, list(request.stop), request.tool_choice],
        "schema": request.json_schema and [dict(request.json_schema), request.schema_name],
        "strategy": prompt.strategy,
        "model": prompt.forced_model,
        "verify": prompt.verify,
        "category": prompt.category,
    }


def _plain(message: Message) -> list[str]:
    return [message.role, message.content]


def _hash(value: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True, default=str).encode()).hexdigest()


def _terms_of(asker: CacheAsker) -> _Terms | None:
    """None where the team keeps no answers."""
    row = RoutingSettings.objects.filter(team=asker.team_id).first() or RoutingSettings(team_id=asker.team_id)
    if not row.cache_is_on or row.cache_keep_s == 0:
        return None
    if row.semantic_model_id is not None:  # most teams have none, and every prompt asks
        row.semantic_model = AIModel.objects.select_related("provider__key").get(pk=row.semantic_model_id)
    return _Terms(_scope(asker, row), row.cache_keep_s, embedding_model_of(row), float(row.semantic_threshold) / 100)


def _scope(asker: CacheAsker, settings: RoutingSettings) -> str:
    if settings.cache_is_shared:
        return f"team:{asker.team_id}"
    return f"key:{asker.key_id}" if asker.key_id else f"person:{asker.team_id}:{asker.owner_id}"


def embedding_model_of(settings: RoutingSettings) -> AIModel | None:
    """The model that prompts are compared with, as long as it is in use; None: only the very same request is found."""
    model = settings.semantic_model
    if model is None or not model.is_active or not model.provider.is_active or "embeddings" not in model.capabilities:
        return None
    return model


def _entries(asker: CacheAsker, terms: _Terms) -> Any:
    found = CachedAnswer.objects.filter(team=asker.team_id, scope=terms.scope, expires_at__gt=timezone.now())
    found = found.filter(model__isnull=False)  # who wrote it is still here to be named
    models: frozenset[str] | None = getattr(asker, "models", None)
    return found if models is None else found.filter(model__public_id__in=models)


@again_after_deadlock
def _exact(asker: CacheAsker, terms: _Terms, hashes: Collection[str]) -> Cached | None:
    entry = _entries(asker, terms).filter(request_hash__in=hashes).order_by("-created_at").first()
    return _used(entry, "exact") if entry else None


@again_after_deadlock
def _used(entry: CachedAnswer, kind: Kind, *, likeness: float | None = None) -> Cached | None:
    """Count the hit and give the answer. None when the entry was removed meanwhile."""
    saved = entry.cost_usd or Decimal(0)
    counted = CachedAnswer.objects.filter(pk=entry.pk).update(
        hits=F("hits") + 1, saved_usd=F("saved_usd") + saved, last_hit_at=timezone.now()
    )
    if not counted:
        return None
    answer = entry.answer
    return Cached(
        completion=_completion(answer["completion"]),
        by=ModelRef(**answer["by"]),
        kind=kind,
        confidence=answer["confidence"],
        saved_usd=entry.cost_usd,
        likeness=likeness,
        verified=answer["verified"],
    )


def _completion(kept: dict[str, Any]) -> Completion:
    return Completion(**{**kept, "usage": Usage(**kept["usage"])})


# ── by meaning ────────────────────────────────────────────────────────────────────────────────────────────────────


def _alike(asker: CacheAsker, terms: _Terms, prompt: RoutedPrompt, context: str) -> list[CachedAnswer]:
    """Entries whose every word that carries meaning is in the prompt, too; those without a vector are few enough to embed."""
    assert terms.semantic_model is not None
    newest = _entries(asker, terms).filter(context_hash=context).order_by("-created_at")
    keys = those_alike(prompt.text, newest.values_list("pk", "prompt")[:ENTRIES_TO_COMPARE])
    return list(CachedAnswer.objects.filter(pk__in=keys[: TEXTS_TO_EMBED - 1]))


async def _nearest(asker: CacheAsker, terms: _Terms, prompt: RoutedPrompt, family: str) -> tuple[CachedAnswer, float] | None:
    """The entry whose prompt asks the same, and how like it is, in percent. Vectors that are new are kept."""
    if terms.semantic_model is None or len(prompt.text) > MOST_CHARS:
        return None
    entries = await in_db(_alike, asker, terms, prompt, context_hash(prompt, family))
    if not entries:
        return None
    name = str(terms.semantic_model)
    new = [entry for entry in entries if entry.vector is None or entry.vector_model != name]
    vectors = await embedded(asker, terms.semantic_model, prompt.id, [prompt.text, *(entry.prompt for entry in new)])
    if vectors is None:
        return None
    own, *others = vectors
    for entry, vector in zip(new, others, strict=True):
        entry.vector, entry.vector_model = vector, name
    likeness, best = max(((cosine(own, bytes(entry.vector or b"")), entry) for entry in entries), key=lambda pair: pair[0])
    if new:
        await in_db(_keep_vectors, new)
    return (best, round(100 * likeness, 2)) if likeness >= terms.threshold else None


@again_after_deadlock
def _keep_vectors(new: Sequence[CachedAnswer]) -> None:
    for entry in new:
        CachedAnswer.objects.filter(pk=entry.pk).update(vector=entry.vector, vector_model=entry.vector_model)


# ── keeping ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def cache_keep(asker: CacheAsker, prompt: RoutedPrompt, routed: Routed, execution: TaskExecution | None) -> None:
    """Keep an answer that may be given again; others are let go by without a word."""
    if may_be_cached(prompt) and is_good(prompt, routed):
        await in_db(_keep, asker, prompt, routed, execution)


def is_good(prompt: RoutedPrompt, routed: Routed) -> bool:
    """Whole, and verified by another AI or, where nobody asked for that, trusted because of a check of the answer itself."""
    completion = routed.completion
    return (
        routed.cached is None
        and completion.finish_reason == "stop"
        and not completion.tool_calls
        and 0 < len(completion.text.strip()) <= MOST_ANSWER_CHARS
        and routed.confidence is not None
        and routed.confidence >= LEAST_CONFIDENCE
        and (routed.verified == "yes" or (not prompt.verify and _was_looked_at(routed)))
    )


def _was_looked_at(routed: Routed) -> bool:
    """The confidence of this very answer rests on a check of it."""
    trust = next((one.trust for one in reversed(routed.attempts) if one.completion is routed.completion), None)
    return trust is not None and rests_on_evidence(routed.completion.text, trust)


def _keep(asker: CacheAsker, prompt: RoutedPrompt, routed: Routed, execution: TaskExecution | None) -> None:
    terms = _terms_of(asker)
    if terms is None:
        return
    model = AIModel.objects.filter(public_id=routed.by.id, provider__team=asker.team_id).first()
    if model is None:
        return
    entry = {
        "team_id": asker.team_id,
        "owner_id": asker.owner_id,
        "context_hash": context_hash(prompt, routed.by.family),
        "prompt": prompt.text,
        "answer": _answer_json(routed),
        "vector": None,
        "vector_model": "",
        "model": model,
        "model_name": routed.by.label[:250],
        "execution": execution,
        "cost_usd": execution.cost_usd if execution else None,
        "expires_at": timezone.now() + timedelta(seconds=terms.keep_s),
    }
    try:
        _store(terms.scope, request_hash(prompt), entry)
    except IntegrityError:  # two answers to the same request ended together, or the execution was deleted: the other one stands
        log.info("an answer was not cached, for another one came first")
    _make_room(asker.team_id)


@again_after_deadlock
def _store(scope: str, hashed: str, entry: dict[str, Any]) -> None:
    with transaction.atomic():
        CachedAnswer.objects.update_or_create(scope=scope, request_hash=hashed, defaults=entry)


def _answer_json(routed: Routed) -> dict[str, Any]:
    """The Completion without what belongs to one call only, who wrote it, and how sure the route was."""
    plain = replace(routed.completion, logprobs=None, refusals=(), latency_ms=0, first_token_ms=None, request_id="")
    completion = asdict(plain)
    for name in ("tool_calls", "logprobs", "refusals"):
        del completion[name]
    del completion["usage"]["requests"]
    return {"completion": completion, "by": asdict(routed.by), "confidence": routed.confidence, "verified": routed.verified}


@again_after_deadlock
def _make_room(team_id: int) -> None:
    """Drop what has expired, and the oldest beyond the most that a team may have."""
    mine = CachedAnswer.objects.filter(team=team_id)
    oldest = list(mine.order_by("-created_at", "-pk").values_list("pk", flat=True)[MOST_ENTRIES : MOST_ENTRIES + 500])
    mine.filter(Q(expires_at__lte=timezone.now()) | Q(pk__in=oldest)).delete()


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────────────


def cached_remove(actor: Actor, entry: CachedAnswer) -> None:
    """Throw one answer out; the next time a model is asked. Its owner may, and admins."""
    actor.must_own(entry.owner_id)
    entry.delete()


def cached_remove_many(actor: Actor, ids: Sequence[UUID]) -> Outcome:
    """Throw out those of them that are the actor's to throw out, hundreds in a statement. Raises BadInput for too many."""
    actor.must_work()
    must_not_exceed(len(ids))
    outcome = Outcome()
    theirs = CachedAnswer.objects.filter(team=actor.team)
    for part in in_parts(ids):
        found = theirs if actor.can_manage else theirs.filter(owner=actor.user)
        gone = found.filter(public_id__in=part).delete()[1].get("tasks.CachedAnswer", 0)
        outcome.done += gone
        outcome.refuse(_("only the person who made it, or an admin, can change it."), len(part) - gone)
    return outcome


def cache_clear(actor: Actor) -> int:
    """Throw out all of one's own answers; an admin's clears the whole team's. How many went."""
    actor.must_work()
    mine = CachedAnswer.objects.filter(team=actor.team)
    return (mine if actor.can_manage else mine.filter(owner=actor.user)).delete()[1].get("tasks.CachedAnswer", 0)
