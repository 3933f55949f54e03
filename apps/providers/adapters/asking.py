"""Parts of a request that vendors want in pieces: images, tools, the words that stand above a conversation."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from apps.common.said import gettext as _
from apps.providers.contract import Message
from apps.providers.errors import BadRequest


class Image(NamedTuple):
    media_type: str
    data: str  # base64


class Tool(NamedTuple):
    name: str
    description: str
    parameters: Mapping[str, Any]


def image_of(data_url: str) -> Image:
    """The parts of a `data:` URL. Raises BadRequest for what is none, since vendors fetch nothing for us."""
    head, comma, data = data_url.partition(",")
    if not comma or not head.lower().startswith("data:"):
        raise BadRequest(_("An image of the request is not a data: URL."))
    media_type, *options = head[len("data:") :].split(";")
    is_base64 = "base64" in (option.strip().lower() for option in options)
    raw = data if is_base64 else base64.b64encode(unquote_to_bytes(data)).decode()
    try:
        base64.b64decode(raw, validate=True)
    except ValueError as error:
        raise BadRequest(_("An image of the request is not a data: URL.")) from error
    return Image(media_type.strip().lower() or "text/plain", raw)


def tool_of(tool: Mapping[str, Any]) -> Tool:
    """A tool is {"name", "description", "parameters"}, or the same wrapped as OpenAI wraps it."""
    plain = tool["function"] if isinstance(tool.get("function"), Mapping) else tool
    return Tool(str(plain.get("name", "")), str(plain.get("description") or ""), plain.get("parameters") or {"type": "object"})


def without_system(messages: Iterable[Message]) -> tuple[str, list[Message]]:
    """(what the system messages say, the conversation). Instructions alone are asked as a question: no vendor answers nothing."""
    messages = list(messages)
    system = "\n\n".join(message.content for message in messages if message.role == "system" and message.content)
    conversation = [message for message in messages if message.role != "system"]
    return (system, conversation) if conversation else ("", [Message("user", system)])
