"""What a socket can do in a chat: say something, stop, read what was said, and join an answer in the middle."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.chat import selectors, services, wire
from apps.chat.models import Conversation
from apps.common.consumers import Answer, LiveSocket
from apps.common.errors import BadInput


async def chat_send(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    """`{conversation_id?, content, attachments?}`; without a conversation a new one begins. Its words follow by themselves."""
    sent = await database_sync_to_async(_send)(socket.actor, data)
    await _listen(socket, sent["conversation_id"])
    await database_sync_to_async(_catch_up)(sent["answer"]["id"])  # words, or the end, may have come before this socket listened
    return "chat:sent", sent


async def chat_history(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    """`{conversation_id, before?}`: the branch that is shown, fifty messages at a time; changes follow by themselves."""
    await _listen(socket, _text(data, "conversation_id"))
    return "chat:history", await database_sync_to_async(_history)(socket.actor, data)


async def chat_subscribe(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    """`{conversation_id}`: all that happens in it from now on."""
    conversation_id = _text(data, "conversation_id")
    await _listen(socket, conversation_id)
    return "chat:subscribed", {"conversation_id": conversation_id}


async def chat_stop(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    """`{message_id}`"""
    return "chat:stopping", await database_sync_to_async(_stop)(socket.actor, _text(data, "message_id"))


async def chat_resume(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    """`{message_id, seq?}`: all that came after `seq`, and the rest as it comes.

    Listens first and reads then. The answer has what is stored; what came since then is said again on the topic, so pieces may
    overlap but never leave a gap: each says `at` where it belongs.
    """
    message_id, seq = _text(data, "message_id"), _seq(data)
    conversation_id = await database_sync_to_async(_conversation_of)(socket.actor, message_id)
    await _listen(socket, conversation_id)
    return "chat:resumed", await database_sync_to_async(_resume)(socket.actor, message_id, seq)


async def chat_leave(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    """`{conversation_id}`: hear no more of it."""
    conversation_id = _text(data, "conversation_id")
    socket.stop_listening_to(f"chat:{conversation_id}")
    return "chat:left", {"conversation_id": conversation_id}


async def _listen(socket: LiveSocket, conversation_id: str) -> None:
    async def check(actor: Actor) -> None:
        await database_sync_to_async(selectors.access_conversation)(actor, conversation_id)

    await socket.listen_to(f"chat:{conversation_id}", check)


def _send(actor: Actor, data: dict[str, Any]) -> dict[str, Any]:
    files = data.get("attachments") or []
    if not isinstance(files, list):
        raise BadInput(_("“attachments” is a list of ids."), field="attachments")
    content = data.get("content")
    if not isinstance(content, str):
        raise BadInput(_("Say something: “content”."), field="content")
    conversation = _conversation(actor, data)
    found = [selectors.access_attachment(actor, file) for file in files]
    question, answer = services.message_send(actor, conversation, content=content, attachments=found)
    said = [selectors.message_json(row) for row in (question, answer)]
    return {"conversation_id": str(conversation.public_id), "question": said[0], "answer": said[1]}


def _conversation(actor: Actor, data: dict[str, Any]) -> Conversation:
    if data.get("conversation_id"):
        return selectors.access_conversation(actor, _text(data, "conversation_id"))
    return services.conversation_create(actor)


def _history(actor: Actor, data: dict[str, Any]) -> dict[str, Any]:
    conversation = selectors.access_conversation(actor, _text(data, "conversation_id"))
    before = selectors.access_message(actor, _text(data, "before")).public_id if data.get("before") else None
    return selectors.history_json(actor, conversation, before=before)


def _stop(actor: Actor, message_id: str) -> dict[str, Any]:
    message = services.message_stop(actor, selectors.access_message(actor, message_id))
    return {"message_id": message_id, "status": message.status}


def _conversation_of(actor: Actor, message_id: str) -> str:
    return str(selectors.access_message(actor, message_id).conversation.public_id)


def _resume(actor: Actor, message_id: str, seq: int) -> dict[str, Any]:
    message = selectors.access_message(actor, message_id)
    stored = message.content.encode("utf-16-le")
    at = min(seq, len(stored) // 2)
    if message.is_unfinished:
        wire.catch_up(message, at)
    about = selectors.message_json(message)
    return {**about, "message_id": message_id, "at": at, "delta": stored[at * 2 :].decode("utf-16-le", "ignore")}


def _catch_up(message_id: Any) -> None:
    """Have what was said of the answer so far said again: by whoever writes it, or here where it has ended."""
    message = selectors.rows_to_tell().filter(public_id=message_id).first()
    if message is None:
        return
    if message.is_unfinished:
        wire.catch_up(message, 0)
    else:
        wire.tell_done(message, selectors.message_json(message))


def _text(data: dict[str, Any], name: str) -> str:
    if not isinstance(data.get(name), str):
        raise BadInput(_("Say which one: “%(name)s”.") % {"name": name}, field=name)
    return data[name]


def _seq(data: dict[str, Any]) -> int:
    seq = data.get("seq", 0)
    if not isinstance(seq, int) or isinstance(seq, bool) or seq < 0:
        raise BadInput(_("“seq” is how much of the text you have, counted in UTF-16."), field="seq")
    return seq


HANDLERS = {
    "chat:send": chat_send,
    "chat:history": chat_history,
    "chat:subscribe": chat_subscribe,
    "chat:stop": chat_stop,
    "chat:resume": chat_resume,
    "chat:leave": chat_leave,
}
