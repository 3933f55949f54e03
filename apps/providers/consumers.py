"""What a socket can ask about models: to be told of every change of state of the team's, from their present states on."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async

from apps.accounts.actor import Actor
from apps.accounts.models import Team
from apps.common.consumers import Answer, LiveSocket
from apps.common.errors import NotFound
from apps.common.live import LiveMessage
from apps.providers import selectors
from apps.providers.models import AIModel, ModelDiscovery, ModelDownload
from apps.providers.services.states import LIVE_TYPE, topic_of

MOST_IN_SNAPSHOT = 500
MOST_AT_ONCE = 50  # rows; more are told as "read again"


async def models_subscribe(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    """Listens first and reads then, so that nothing falls between; the answer is every model as it is now."""
    team = socket.actor.team.public_id

    async def check(actor: Actor) -> None:
        if actor.team.public_id != team:
            raise NotFound

    await socket.listen_to(topic_of(team), check)
    return LIVE_TYPE, await database_sync_to_async(_snapshot)(socket.actor)


async def models_unsubscribe(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    socket.stop_listening_to(topic_of(socket.actor.team.public_id))
    return "models:unsubscribed", {}


def _snapshot(actor: Actor) -> dict[str, Any]:
    rows = selectors.models_managed(actor)[: MOST_IN_SNAPSHOT + 1]
    models = [selectors.model_row(model) for model in rows]
    return {"event": "snapshot", "models": models[:MOST_IN_SNAPSHOT], "is_whole": len(models) <= MOST_IN_SNAPSHOT}


def read_models(topic: str, hints: list[dict[str, Any]]) -> list[LiveMessage]:
    """What the listeners of a team are told when its models changed: each one's state, its downloads, how much was found."""
    team = Team.objects.filter(public_id=topic.partition(":")[2]).first()
    models = {one for hint in hints for one in hint.get("models", ())}
    downloads = {one for hint in hints for one in hint.get("downloads", ())}
    if team is None or len(models) + len(downloads) > MOST_AT_ONCE:
        return [LiveMessage.reload(topic, LIVE_TYPE)]
    found: list[dict[str, Any]] = [{"event": "state", "model": row} for row in _states(team, models)]
    found += [{"event": "download", "download": row} for row in _downloads(team, downloads)]
    if any(hint.get("found") for hint in hints):
        new = ModelDiscovery.objects.filter(team=team, state=ModelDiscovery.State.NEW).count()
        found.append({"event": "found", "new": new})
    return [LiveMessage.of(topic, LIVE_TYPE, one) for one in found]


def _states(team: Team, ids: set[str]) -> list[dict[str, Any]]:
    rows = AIModel.objects.filter(provider__team=team, public_id__in=ids).with_breakers()
    return [selectors.model_row(model) for model in selectors.with_open_loads(rows)] if ids else []


def _downloads(team: Team, ids: set[str]) -> list[dict[str, Any]]:
    rows = ModelDownload.objects.filter(provider__team=team, public_id__in=ids).select_related("provider__key")
    return [selectors.download_state(download) for download in rows] if ids else []


HANDLERS = {"models:subscribe": models_subscribe, "models:unsubscribe": models_unsubscribe}
