"""What of a conversation a model is given: who said what, and files in blocks of their own, cut to what its context holds."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.chat.models import Attachment, Message
from apps.common.said import gettext as _
from apps.providers.contract import Message as Said
from apps.providers.models import AIModel
from apps.providers.selectors import routable_models
from apps.tasks.engine.longtext import BYTES_PER_TOKEN, estimate_tokens
from apps.tasks.engine.routing.select import ROOM_TO_ANSWER_TOKENS, TOKENS_OF_AN_IMAGE

AROUND_A_FILE_TOKENS = 80  # what its block says besides its text
IMAGE = Attachment.Kind.IMAGE


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is going to read it. `window`: tokens it reads and writes at once, None where nobody knows; `sees`: images, too."""

    window: int | None
    sees: bool
    name: str = ""


def reader_of(team_id: int, model: AIModel | None, files: Iterable[Attachment]) -> Reader:
    """The model that was chosen; for auto the largest that could be, since the route leaves out those that are too small."""
    if model is not None:
        windows = [size for size in (model.context_window, model.loaded_context) if size]
        return Reader(min(windows, default=None), "vision" in model.capabilities, str(model))
    needs_eyes = any(file.kind == IMAGE for file in files)
    able = [row for row in routable_models(team_id) if not needs_eyes or "vision" in row.capabilities]
    return Reader(max((row.context_window for row in able if row.context_window), default=None), True)


def said_to(
    reader: Reader,
    system: str,
    turns: Sequence[Message],
    files: Mapping[int, Sequence[Attachment]],
    *,
    max_output_tokens: int | None,
) -> tuple[tuple[Said, ...], list[dict[str, Any]]]:
    """The messages for the model, oldest first, and notes of what of the files it is not given.

    `files` by the primary key of their message. Where not all texts have room, the newest message's come first, and of one
    message each gets the same share; what a small one leaves over goes to the others.
    """
    room = _room(reader, system, turns, files, max_output_tokens)
    shown: dict[int, str] = {}
    for turn in reversed(turns):
        texts = [file for file in files.get(turn.pk, ()) if file.kind != IMAGE]
        room = _share(texts, room, shown)
    notes = _notes(reader, turns, files, shown)
    head = (Said("system", system),) if system else ()
    return head + tuple(_said(turn, files.get(turn.pk, ()), shown, reader) for turn in turns), notes


def _room(
    reader: Reader,
    system: str,
    turns: Sequence[Message],
    files: Mapping[int, Sequence[Attachment]],
    max_output_tokens: int | None,
) -> int | None:
    """Tokens for the texts of all files; None: nobody knows how many there are, so nothing is cut."""
    if reader.window is None:
        return None
    answer = min(max_output_tokens or ROOM_TO_ANSWER_TOKENS, reader.window // 4)
    said = estimate_tokens(system) + sum(estimate_tokens(turn.content) for turn in turns)
    around = sum(TOKENS_OF_AN_IMAGE if file.kind == IMAGE else AROUND_A_FILE_TOKENS for some in files.values() for file in some)
    return max(0, reader.window - max(answer, ROOM_TO_ANSWER_TOKENS) - said - around)


def _share(texts: Sequence[Attachment], room: int | None, shown: dict[int, str]) -> int | None:
    """Say of each file what is shown of it, and how much room is left for older ones."""
    waiting = sorted(texts, key=lambda file: len(file.text))
    for number, file in enumerate(waiting):
        if room is None:
            shown[file.pk] = file.text
            continue
        share = room // (len(waiting) - number)
        shown[file.pk] = _beginning(file.text, share)
        room -= estimate_tokens(shown[file.pk])
    return room


def _beginning(text: str, tokens: int) -> str:
    """As much of the text as there is room for, up to the end of a line where one is near."""
    most = tokens * BYTES_PER_TOKEN
    data = text.encode("utf-8", "replace")
    if len(data) <= most:
        return text
    piece = data[:most].decode("utf-8", "ignore")
    end = piece.rfind("\n", max(0, len(piece) - 400))
    return piece if end < 0 else piece[:end]


def _notes(
    reader: Reader, turns: Sequence[Message], files: Mapping[int, Sequence[Attachment]], shown: Mapping[int, str]
) -> list[dict[str, Any]]:
    notes: list[dict[str, Any]] = []
    for turn in turns:
        for file in files.get(turn.pk, ()):
            if file.kind == IMAGE and not reader.sees:
                words = _("“%(model)s” reads no images, so it was not given “%(name)s”.")
                notes.append(_note("image_left_out", file, words % {"model": reader.name, "name": file.name}))
            elif file.kind != IMAGE and len(shown[file.pk]) < len(file.text):
                figures = {"name": file.name, "shown": len(shown[file.pk]), "all": len(file.text)}
                words = _("“%(name)s” is longer than the model can read: it was given the first %(shown)s of %(all)s characters.")
                notes.append(
                    {**_note("file_cut", file, words % figures), "shown": figures["shown"], "characters": figures["all"]}
                )
    return notes


def _note(code: str, file: Attachment, message: str) -> dict[str, Any]:
    return {"code": code, "name": file.name, "message": message}


def _said(turn: Message, files: Sequence[Attachment], shown: Mapping[int, str], reader: Reader) -> Said:
    blocks = [_block(file, shown[file.pk]) for file in files if file.kind != IMAGE]
    pictures = [file for file in files if file.kind == IMAGE]
    if not reader.sees:
        blocks += [f"[image “{_one_line(file.name)}”: not shown to you]" for file in pictures]
    images = tuple(_data_url(file) for file in pictures) if reader.sees else ()
    return Said("assistant" if turn.is_answer else "user", "\n\n".join(filter(None, [*blocks, turn.content])), images=images)


def _block(file: Attachment, text: str) -> str:
    """The file between two lines that nothing in it can imitate, since they carry its own sign."""
    sign = str(file.public_id)[:8]
    pages = f", {file.pages} pages" if file.pages else ""
    head = f"--- file {sign}: “{_one_line(file.name)}” ({file.kind}{pages}, {len(file.text)} characters)"
    cut = "" if len(text) == len(file.text) else f"\n[cut here: these are the first {len(text)} of {len(file.text)} characters]"
    return f"{head} ---\n{text}{cut}\n--- end of file {sign} ---"


def _one_line(name: str) -> str:
    return " ".join(name.split())


def _data_url(file: Attachment) -> str:
    return f"data:{file.media_type};base64,{base64.b64encode(bytes(file.data)).decode()}"
