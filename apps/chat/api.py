"""REST: conversations, and the messages in them."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from apps.accounts.middleware import PERSON_HEADER
from apps.chat import attaching, rating, removing, selectors, services
from apps.chat import serializers as shapes
from apps.chat.errors import OtherPerson
from apps.chat.models import Attachment, Conversation, Message
from apps.chat.searching import conversations_searched
from apps.common.api import TeamViewSet
from apps.common.errors import BadInput
from apps.common.idempotency import idempotent
from apps.common.paging import CursorPages, limit_of, ordering_of

_SEARCH = "Words in a title or in a message. So many messages are looked through at a time: follow `next`, also of an empty page."


class ConversationFilter(filters.FilterSet):
    class Meta:
        model = Conversation
        fields = ("is_pinned", "is_archived", "is_shared")


class ChatViewSet(TeamViewSet):
    """Pages say whose they are: what one person left in a browser is never sent by the next one who signs in there."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.headers.get(PERSON_HEADER, str(self.actor.user.public_id)) != str(self.actor.user.public_id):
            raise OtherPerson


class ConversationsViewSet(ChatViewSet):
    """Threads of questions and answers. `?search=` looks into titles and into all that was said."""

    visible = staticmethod(selectors.conversations_visible)
    access = staticmethod(selectors.access_conversation)
    queryset = Conversation.objects.all()
    serializer_class = shapes.ConversationSerializer
    filterset_class = ConversationFilter
    ordering_fields = ("last_message_at", "created_at", "title")

    def get_queryset(self) -> Any:
        return super().get_queryset().order_by("-last_message_at")

    @extend_schema(parameters=[OpenApiParameter("search", str, description=_SEARCH)])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = request.query_params
        search = asked.get("search", "").strip()
        if not search:
            return super().list(request, *args, **kwargs)
        rows = self.filter_queryset(self.get_queryset())
        ordering = ordering_of(asked.get("ordering", ""), rows, self)
        limit, cursor = limit_of(asked.get("limit", "")), asked.get("cursor", "")
        found = conversations_searched(rows, search, ordering=ordering, limit=limit, cursor=cursor)
        data = self.get_serializer(found.page.rows, many=True).data
        return cast(CursorPages, self.paginator).response_of(request, found.page, data, found.further)

    @idempotent
    def create(self, request: Request) -> Response:
        row = services.conversation_create(self.actor, **self._asked(request))
        return Response(self.get_serializer(row).data, status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        row = services.conversation_update(self.actor, self.get_object(), **self._asked(request, partial=True))
        return Response(self.get_serializer(row).data)

    def destroy(self, request: Request, id: str) -> Response:
        """Gone at once; for a day `restore` brings it back."""
        services.conversation_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, id: str) -> Response:
        row = selectors.access_deleted_conversation(self.actor, id)
        return Response(self.get_serializer(services.conversation_restore(self.actor, row)).data)

    @extend_schema(methods=["get"], responses=shapes.MessageSerializer(many=True))
    @extend_schema(methods=["post"], request=shapes.NewMessageSerializer, responses={201: shapes.SentSerializer})
    @action(detail=True, methods=["get", "post"], filterset_class=None, ordering_fields=("created_at",))
    def messages(self, request: Request, id: str) -> Response:
        """GET: the messages of all branches, oldest first. POST: say something; the answer is written by itself."""
        return self._say(request, id) if request.method == "POST" else self._read()

    def _read(self) -> Response:
        conversation = self.get_object()
        rows = conversation.messages.select_related("conversation", "parent", "model", "execution").order_by("pk")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(selectors.messages_json(self.actor, page or []))

    @idempotent
    def _say(self, request: Request, id: str) -> Response:
        conversation = self.get_object()
        asked = shapes.NewMessageSerializer(data=request.data, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        return _sent(*services.message_send(self.actor, conversation, **asked.validated_data))

    @extend_schema(request={"multipart/form-data": shapes.UploadSerializer}, responses={201: shapes.AttachmentSerializer})
    @action(detail=True, methods=["post"], parser_classes=[MultiPartParser], filterset_class=None)
    def attachments(self, request: Request, id: str) -> Response:
        """Attach a file that is to be sent with a message here: an image, a PDF or a text. What it is, its content says."""
        conversation = self.get_object()
        upload = request.FILES.get("file")
        if upload is None:
            raise BadInput(_("Send the file as “file”."), field="file")
        file = attaching.attachment_add(self.actor, conversation, upload)
        return Response(attaching.attached_json(file), status.HTTP_201_CREATED)

    @extend_schema(parameters=[OpenApiParameter("as", str, enum=["json", "md"])], responses={200: dict})
    @action(detail=True, methods=["get"])
    def export(self, request: Request, id: str) -> HttpResponse:
        """All of it as JSON, or with `?as=md` the branch that is shown as Markdown."""
        conversation = self.get_object()
        if request.query_params.get("as") == "md":
            return HttpResponse(selectors.conversation_markdown(conversation), content_type="text/markdown; charset=utf-8")
        return Response(selectors.conversation_json(conversation, with_messages=True))

    def _asked(self, request: Request, *, partial: bool = False) -> dict[str, Any]:
        asked = self.get_serializer(data=request.data, partial=partial)
        asked.is_valid(raise_exception=True)
        return dict(asked.validated_data)


class MessagesViewSet(ChatViewSet):
    """What was said, in all conversations that I may read."""

    visible = staticmethod(selectors.messages_visible)
    access = staticmethod(selectors.access_message)
    queryset = Message.objects.all()
    serializer_class = shapes.MessageSerializer
    search_fields = ("content",)

    @extend_schema(request=shapes.EditedMessageSerializer, responses={201: shapes.SentSerializer})
    @idempotent
    def partial_update(self, request: Request, id: str) -> Response:
        """Say it differently: a message beside this one, with an answer of its own. What was said stays, with its answers."""
        row = self.get_object()
        asked = shapes.EditedMessageSerializer(data=request.data, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        facts = {"attachments": list(row.files.all()), **asked.validated_data}
        return _sent(*services.message_send(self.actor, row.conversation, **facts, instead_of=row))

    @extend_schema(responses={200: shapes.RemovedSerializer})
    def destroy(self, request: Request, id: str) -> Response:
        """Take it out, with all that lies below it in every branch; for a day `restore` brings it back. Costs stay on record."""
        count = removing.message_remove(self.actor, self.get_object())
        return Response({"removed": count, "message": removing.removed_words(count)})

    @extend_schema(request=None, responses=shapes.MessageSerializer)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, id: str) -> Response:
        """Bring back what was removed with it less than a day ago."""
        return self._answer(removing.message_restore(self.actor, selectors.access_removed_message(self.actor, id)))

    @extend_schema(request=None, responses=shapes.MessageSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, id: str) -> Response:
        """End the answer where it is. What has come stays; what it cost follows with `chat:done`."""
        return self._answer(services.message_stop(self.actor, self.get_object()))

    @extend_schema(request=shapes.RegenerateSerializer, responses={201: shapes.MessageSerializer})
    @action(detail=True, methods=["post"])
    @idempotent
    def regenerate(self, request: Request, id: str) -> Response:
        """Another answer beside this one, by another model if one is given."""
        asked = shapes.RegenerateSerializer(data=request.data, context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        return self._answer(
            services.message_regenerate(self.actor, self.get_object(), **asked.validated_data), status.HTTP_201_CREATED
        )

    @extend_schema(request=None, responses={202: shapes.MessageSerializer})
    @action(detail=True, methods=["post"])
    @idempotent
    def verify(self, request: Request, id: str) -> Response:
        """Have a different AI read it. The verdict comes to `check`; a `chat:update` tells when."""
        return self._answer(services.message_verify(self.actor, self.get_object()), status.HTTP_202_ACCEPTED)

    @extend_schema(request=shapes.RateSerializer, responses=shapes.MessageSerializer)
    @action(detail=True, methods=["post"])
    def rate(self, request: Request, id: str) -> Response:
        """What you think of an answer: a thumb up or down, or null to take it back. One for each person and answer."""
        row = self.get_object()
        asked = shapes.RateSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        rating.message_rate(self.actor, row, **asked.validated_data)
        return self._answer(row)

    @extend_schema(request=None, responses=shapes.MessageSerializer)
    @action(detail=True, methods=["post"], url_path="use-alternative")
    def use_alternative(self, request: Request, id: str) -> Response:
        """While its model is being loaded: have the alternative in `stage` answer now. The load goes on."""
        return self._answer(services.message_use_alternative(self.actor, self.get_object()))

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(selectors.messages_json(self.actor, page or []))

    def retrieve(self, request: Request, id: str) -> Response:
        return self._answer(self.get_object())

    def _answer(self, row: Message, status_: int = status.HTTP_200_OK) -> Response:
        return Response(selectors.messages_json(self.actor, [row])[0], status_)


class AttachmentsViewSet(ChatViewSet):
    """Files of conversations that I may read."""

    visible = staticmethod(selectors.attachments_visible)
    access = staticmethod(selectors.access_attachment)
    queryset = Attachment.objects.all()
    serializer_class = shapes.AttachmentSerializer

    def destroy(self, request: Request, id: str) -> Response:
        """Throw away a file that was not sent yet."""
        attaching.attachment_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses={(200, "application/octet-stream"): bytes})
    @action(detail=True, methods=["get"])
    def content(self, request: Request, id: str) -> HttpResponse:
        """The image, or the text that was read from the file."""
        return file_response(self.get_object())


def _sent(question: Message, answer: Message) -> Response:
    said = {"question": selectors.message_json(question), "answer": selectors.message_json(answer)}
    return Response(said, status.HTTP_201_CREATED)


def file_response(file: Attachment) -> HttpResponse:
    """What others made is shown as an image or saved, never run: no sniffing, no scripts, no origin of ours."""
    is_image = file.kind == Attachment.Kind.IMAGE
    media_type = file.media_type if is_image else "text/plain; charset=utf-8"
    response = HttpResponse(bytes(file.data) if is_image else file.text.encode(), content_type=media_type)
    name = file.name if is_image or file.kind == Attachment.Kind.TEXT else f"{file.name}.txt"
    response["Content-Disposition"] = content_disposition_header(as_attachment=not is_image, filename=name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self'"
    response["Cache-Control"] = "private, max-age=300"
    return response


router_entries = [
    ("conversations", ConversationsViewSet),
    ("messages", MessagesViewSet),
    ("attachments", AttachmentsViewSet),
]
