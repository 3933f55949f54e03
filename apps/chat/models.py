"""Conversations, their messages as a tree, and what is attached to them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.models import MONEY, PERCENT, CheckedJSON, OwnedRow, Row
from apps.common.said_columns import SaidText
from apps.tasks.models import Strategy

_ATTACHED = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "name", "kind", "size"],
        "properties": {
            "id": {"type": "string"},
            "name": {"type": "string"},
            "kind": {"enum": ["image", "text", "pdf"]},
            "size": {"type": "integer"},
            "media_type": {"type": "string"},
            "characters": {"type": ["integer", "null"]},
            "tokens": {"type": ["integer", "null"]},
            "pages": {"type": ["integer", "null"]},
        },
    },
}


_NOTES = {
    "type": "array",
    "items": {"type": "object", "required": ["code"], "properties": {"code": {"type": "string"}, "name": {"type": "string"}}},
}


class Conversation(OwnedRow):
    """A thread of questions and answers. Private to its owner, or to be read by the team when it is shared."""

    title = models.CharField(_("title"), max_length=200, blank=True)
    model = models.ForeignKey(
        "providers.AIModel", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("model")
    )  # null: auto
    strategy = models.CharField(_("strategy"), max_length=10, choices=Strategy.choices, default=Strategy.AUTO)  # of auto
    specialized_ai = models.ForeignKey(
        "providers.SpecializedAI", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    system_prompt = models.TextField(_("system prompt"), blank=True)
    is_pinned = models.BooleanField(_("pinned"), default=False)
    is_archived = models.BooleanField(_("archived"), default=False)
    is_shared = models.BooleanField(_("shared with the team"), default=False)
    deleted_at = models.DateTimeField(null=True, blank=True)  # for a while it can be brought back
    last_message_at = models.DateTimeField(default=timezone.now)
    current = models.ForeignKey("chat.Message", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        db_table = "chat_conversations"
        verbose_name, verbose_name_plural = _("conversation"), _("conversations")
        indexes = [
            models.Index(fields=["team", "owner", "is_archived", "-is_pinned", "-last_message_at"], name="chat_list"),
            models.Index(fields=["team", "is_shared", "-last_message_at"], name="chat_shared"),
            models.Index(fields=["deleted_at"], name="chat_deleted"),
        ]

    def __str__(self) -> str:
        return self.title or str(_("New conversation"))


class MessageQuerySet(models.QuerySet["Message"]):
    def waiting(self) -> MessageQuerySet:
        """Answers that may be begun: nobody is at them, and the answer before them is not being written."""
        before = ("queued", "streaming")
        return (
            self.filter(status="queued", conversation__deleted_at=None).exclude(parent__parent__status__in=before).order_by("pk")
        )

    def abandoned(self) -> MessageQuerySet:
        """Whose worker has been silent for too long."""
        return self.filter(lease_until__lt=timezone.now())


class StandingMessages(models.Manager.from_queryset(MessageQuerySet)):  # type: ignore[misc]
    """All but what was removed."""

    def get_queryset(self) -> MessageQuerySet:
        return super().get_queryset().filter(removed_at=None)


class Message(Row):
    """What a person said, or the answer of an AI to its parent. Answers to one question are siblings."""

    class Role(models.TextChoices):
        USER = "user", _("person")
        ASSISTANT = "assistant", _("AI")

    class Status(models.TextChoices):
        QUEUED = "queued", _("waiting")
        STREAMING = "streaming", _("answering")
        COMPLETE = "complete", _("complete")
        STOPPED = "stopped", _("stopped")
        FAILED = "failed", _("failed")

    class Check(models.TextChoices):
        NONE = "", _("not checked")
        QUEUED = "queued", _("waiting to be checked")
        RUNNING = "running", _("being checked")
        DONE = "done", _("checked")
        COULD_NOT = "could_not", _("could not be checked")

    UNFINISHED = (Status.QUEUED, Status.STREAMING)

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE, related_name="replies")
    role = models.CharField(max_length=10, choices=Role.choices)
    content = models.TextField(blank=True)
    attachments = CheckedJSON(schema=_ATTACHED, default=list, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.COMPLETE)
    wants_model = models.ForeignKey("providers.AIModel", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    is_again = models.BooleanField(default=False)  # asked a second time: an answer that was kept will not do
    asked_by = models.ForeignKey("accounts.User", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    model = models.ForeignKey("providers.AIModel", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    model_name = models.CharField(max_length=300, blank=True)
    execution = models.ForeignKey("tasks.TaskExecution", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    confidence = models.DecimalField(null=True, blank=True, **PERCENT)
    escalations = models.PositiveSmallIntegerField(default=0)
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    is_estimated = models.BooleanField(default=False)
    cost_usd = models.DecimalField(null=True, blank=True, **MONEY)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    first_token_ms = models.PositiveIntegerField(null=True, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error = SaidText(blank=True)
    check_state = models.CharField(max_length=10, choices=Check.choices, default=Check.NONE, blank=True)
    check_result = models.JSONField(default=dict, blank=True)  # as `verdict_of` in apps/chat/verifying.py gives it
    stage = models.JSONField(default=dict, blank=True)  # what is waited for, as `stage_json` in apps/chat/loading.py gives it
    takes_alternative = models.BooleanField(default=False)  # it shall not wait for its model to be loaded
    notes = CheckedJSON(schema=_NOTES, default=list, blank=True)  # what was done otherwise than asked, by code
    stop_asked = models.BooleanField(default=False)
    lease_owner = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)  # with all below it; for a while it can be brought back

    objects = StandingMessages()
    every = MessageQuerySet.as_manager()  # removed ones as well: for who writes an answer to its end, and for the clearing away

    class Meta:
        db_table = "chat_messages"
        verbose_name, verbose_name_plural = _("message"), _("messages")
        indexes = [
            # Removed ones are few: an index of that column alone would be taken for "not removed", which is nearly all there is.
            models.Index(fields=["conversation", "removed_at", "id"], name="chat_standing"),
            models.Index(fields=["status", "id"], name="chat_status"),
            models.Index(fields=["check_state", "id"], name="chat_check"),
            models.Index(fields=["lease_until"], name="chat_lease"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(role="assistant") | Q(status="complete"), name="chat_people_are_complete"),
        ]

    def __str__(self) -> str:
        return self.content[:60]

    @property
    def is_answer(self) -> bool:
        return self.role == self.Role.ASSISTANT

    @property
    def is_unfinished(self) -> bool:
        return self.status in self.UNFINISHED

    def is_at(self, status: Any) -> bool:
        return self.status == status


class Attachment(OwnedRow):
    """A file of a conversation: an image as it is, of everything else the text that was read from it."""

    class Kind(models.TextChoices):
        IMAGE = "image", _("image")
        TEXT = "text", _("text")
        PDF = "pdf", _("PDF")

    conversation = models.ForeignKey(Conversation, null=True, blank=True, on_delete=models.CASCADE, related_name="files")
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.CASCADE, related_name="files")
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    media_type = models.CharField(max_length=60)
    size = models.PositiveIntegerField()  # bytes of the file
    pages = models.PositiveIntegerField(null=True, blank=True)
    text = models.TextField(blank=True)
    data = models.BinaryField(blank=True, default=bytes)  # of images

    class Meta:
        db_table = "chat_attachments"
        verbose_name, verbose_name_plural = _("attachment"), _("attachments")
        indexes = [models.Index(fields=["created_at"], name="chat_attached_at")]

    def __str__(self) -> str:
        return self.name


class AnswerThumb(Row):
    """What one person thinks of one answer."""

    class Thumb(models.IntegerChoices):
        UP = 1, _("good")
        DOWN = -1, _("bad")

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="thumbs")
    person = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="+")
    thumb = models.SmallIntegerField(choices=Thumb.choices)
    comment = models.TextField(blank=True)

    class Meta:
        db_table = "answer_thumbs"
        verbose_name, verbose_name_plural = _("opinion of an answer"), _("opinions of answers")
        constraints = [
            models.UniqueConstraint(fields=["message", "person"], name="thumb_once_per_person_and_answer"),
            models.CheckConstraint(condition=Q(thumb__in=(1, -1)), name="thumb_is_up_or_down"),
        ]

    def __str__(self) -> str:
        return str(self.get_thumb_display())
