"""Files of conversations: taken in, sent with a message, thrown away. What a file is: `apps/chat/files`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from django.conf import settings
from django.core.files import File
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.chat.errors import FileTooLarge, ModelCannotSee
from apps.chat.files import read_file
from apps.chat.models import Attachment, Conversation, Message
from apps.common.errors import BadInput, Conflict, NotAllowed
from apps.providers.models import AIModel
from apps.tasks.engine.longtext import estimate_tokens

UNSENT_FOR_EACH_SENT = 5  # so many messages' worth of files may wait in one conversation


def attachment_add(actor: Actor, conversation: Conversation, upload: File, *, name: str = "") -> Attachment:
    """Take in a file that is to be sent. Raises FileRefused in one of its kinds, and keeps nothing then."""
    must_be_mine(actor, conversation)
    name = _tidy(name or upload.name or "")
    most = settings.ORQ_ATTACHED_MOST_MB * 2**20
    if upload.size is None or upload.size > most:
        raise FileTooLarge(too_large_words(name))
    if conversation.files.filter(message=None).count() >= settings.ORQ_ATTACHED_MOST_FILES * UNSENT_FOR_EACH_SENT:
        raise BadInput(_("Too many files wait to be sent here. Send or remove some."), field="file")
    read = read_file(name, upload.read())
    return Attachment.objects.create(
        owner=actor.user,
        team=actor.team,
        conversation=conversation,
        name=name,
        kind=read.kind,
        media_type=read.media_type,
        size=upload.size,
        pages=read.pages,
        text=read.text,
        data=read.data,
    )


def attachment_delete(actor: Actor, file: Attachment) -> None:
    """Throw away a file that was not sent yet."""
    actor.must_work()
    if file.owner_id != actor.user.pk:
        raise NotAllowed(_("This is another person's file."))
    if file.message_id is not None:
        raise Conflict(_("This file was sent; it belongs to its message."))
    file.delete()


def attached_json(file: Attachment) -> dict[str, Any]:
    """What a message keeps of a file: its name and how much of the context it takes."""
    is_image = file.kind == Attachment.Kind.IMAGE
    return {
        "id": str(file.public_id),
        "name": file.name,
        "kind": file.kind,
        "size": file.size,
        "media_type": file.media_type,
        "pages": file.pages,
        "characters": None if is_image else len(file.text),
        "tokens": None if is_image else estimate_tokens(file.text),
    }


def too_large_words(name: str = "") -> str:
    most = settings.ORQ_ATTACHED_MOST_MB
    if not name:
        return _("This file has more than %d MB, which are the most.") % most
    return _("“%(name)s” has more than %(most)d MB, which are the most.") % {"name": name, "most": most}


# ── When a message is sent ────────────────────────────────────────────────────────────────────────────────────────
def check_attached(conversation: Conversation, files: Sequence[Attachment], *, instead_of: Message | None = None) -> None:
    """They are files of this conversation, and were not sent; those of the message that this one takes the place of may be."""
    if len(files) > settings.ORQ_ATTACHED_MOST_FILES:
        most = settings.ORQ_ATTACHED_MOST_FILES
        raise BadInput(_("A message takes %(most)s files at most.") % {"most": most}, field="attachments")
    if any(file.conversation_id not in (None, conversation.pk) for file in files):
        raise BadInput(_("This file belongs to another conversation. Attach it here."), field="attachments")
    if any(file.message_id and not (instead_of and file.message_id == instead_of.pk) for file in files):
        raise BadInput(_("A file is sent once. Attach it again."), field="attachments")


def attach(question: Message, files: Sequence[Attachment]) -> list[Attachment]:
    """Give the files to the message, within the transaction that makes it; of those that another has it gets copies.

    Gives them as they are now. Raises BadInput where one was sent by somebody quicker.
    """
    fresh = [file for file in files if file.message_id is None]
    waiting = Attachment.objects.filter(pk__in=[file.pk for file in fresh], message=None)
    if waiting.update(message=question, conversation=question.conversation_id) != len({file.pk for file in fresh}):
        raise BadInput(_("A file is sent once. Attach it again."), field="attachments")
    copied = {file.pk: _copy(file, question) for file in files if file.message_id is not None}
    return [copied.get(file.pk, file) for file in files]


def must_see(actor: Actor, model: AIModel | None, kinds: Sequence[str]) -> None:
    """ModelCannotSee where images are sent to a model that reads none, or, with no model chosen, nobody of the team reads any."""
    if Attachment.Kind.IMAGE not in kinds:
        return
    if model is not None:
        if "vision" not in model.capabilities:
            raise ModelCannotSee(_("“%s” reads no images. Choose a model that does, or “auto”.") % model)
        return
    models = AIModel.objects.in_use().filter(provider__team=actor.team).only("capabilities")
    if not any("vision" in row.capabilities for row in models):
        raise ModelCannotSee(
            _("None of your team's models reads images. Add one that does, or send the message without the image.")
        )


def must_be_mine(actor: Actor, conversation: Conversation) -> None:
    actor.must_work()
    if conversation.owner_id != actor.user.pk:
        raise NotAllowed(_("This conversation is shared for reading. Only the person whose it is can write in it."))


def _copy(file: Attachment, question: Message) -> Attachment:
    names = ("owner_id", "team_id", "conversation_id", "name", "kind", "media_type", "size", "pages", "text", "data")
    return Attachment.objects.create(message=question, **{name: getattr(file, name) for name in names})


def _tidy(name: str) -> str:
    """The last part of a path, without signs that would break a line or a header, at most 200 characters with its ending."""
    name = "".join(sign for sign in PurePath(name.replace("\\", "/")).name if sign.isprintable()).strip() or _("file")
    ending = PurePath(name).suffix[:20]
    return name if len(name) <= 200 else name[: 200 - len(ending)] + ending
