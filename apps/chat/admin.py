"""Conversations in Django's admin: what they are called and cost, never a way to write in another person's name."""

from __future__ import annotations

from django.contrib import admin

from apps.chat.models import AnswerThumb, Attachment, Conversation, Message
from apps.common.admin import BaseAdmin, JournalAdmin


@admin.register(Conversation)
class ConversationAdmin(BaseAdmin):
    list_display = ("title", "owner", "team", "is_shared", "last_message_at", "deleted_at")
    list_filter = ("is_shared", "is_archived", "last_message_at")
    search_fields = ("title", "=public_id", "owner__email")
    raw_id_fields = ("current",)


@admin.register(Message)
class MessageAdmin(JournalAdmin):
    list_display = ("created_at", "conversation", "role", "status", "model_name", "confidence", "cost_usd")
    list_filter = ("role", "status", "check_state", "created_at")
    search_fields = ("=public_id", "=conversation__public_id", "model_name")


@admin.register(Attachment)
class AttachmentAdmin(JournalAdmin):
    list_display = ("created_at", "name", "kind", "size", "owner", "team")
    list_filter = ("kind",)
    search_fields = ("name", "=public_id")
    exclude = ("data", "text")


@admin.register(AnswerThumb)
class AnswerThumbAdmin(JournalAdmin):
    list_display = ("created_at", "message", "person", "thumb")
    list_filter = ("thumb",)
    search_fields = ("=message__public_id", "person__email")
