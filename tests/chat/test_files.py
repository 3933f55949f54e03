"""What people attach: judged by its content, read within limits, sent once, seen by those who may."""

from __future__ import annotations

import io
import json
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from apps.accounts.models import Role
from apps.chat import attaching, services
from apps.chat.files import reading
from apps.chat.models import Attachment, Conversation
from tests.factories import make_actor, signed_in
from tests.tasks.routing.upstream import model_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(actor) -> Client:
    return signed_in(actor)


@pytest.fixture
def conversation(actor) -> Conversation:
    return services.conversation_create(actor)


def upload(client, conversation, name, data, media_type="application/octet-stream"):
    file = SimpleUploadedFile(name, data, media_type)
    return client.post(f"/api/conversations/{conversation.public_id}/attachments/", {"file": file})


def picture(kind="PNG", size=(40, 30), mode="RGB", **more) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, "red").save(out, kind, **more)
    return out.getvalue()


def pdf_of(*pages: bytes, filter: bytes = b"") -> bytes:
    """A PDF with these content streams as its pages, in Helvetica."""
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages)))
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, content in enumerate(pages):
        parts.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>" % (5 + 2 * number)
        )
        parts.append(b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), filter, content))
    out, places = b"%PDF-1.7\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n%strailer<</Root 1 0 R/Size %d>>\nstartxref\n%d\n%%%%EOF"
    return out + end % (len(parts) + 1, table, len(parts) + 1, len(out))


def page(text: str) -> bytes:
    return b"BT /F 12 Tf 50 700 Td (%s) Tj ET" % text.encode()


# ── What it is ────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
def test_an_image_is_kept_upright_and_in_a_form_that_models_take(client, conversation, kind):
    said = upload(client, conversation, "x", picture(kind)).json()
    assert (said["kind"], said["pages"], said["characters"], said["tokens"]) == ("image", None, None, None)
    assert said["media_type"] in ("image/png", "image/jpeg")
    content = client.get(f"/api/attachments/{said['id']}/content/")
    assert content["Content-Type"] == said["media_type"]
    assert Image.open(io.BytesIO(content.content)).size == (40, 30)


def test_what_a_camera_writes_into_an_image_is_left_out_and_its_turn_is_done(client, conversation):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    exif[0x010F] = "Secret camera"
    said = upload(client, conversation, "photo.jpg", picture("JPEG", exif=exif)).json()
    kept = bytes(Attachment.objects.get(public_id=said["id"]).data)
    assert b"Secret camera" not in kept
    assert Image.open(io.BytesIO(kept)).size == (30, 40)


def test_a_large_image_becomes_smaller(client, conversation):
    said = upload(client, conversation, "wide.png", picture(size=(5000, 100))).json()
    assert Image.open(io.BytesIO(bytes(Attachment.objects.get(public_id=said["id"]).data))).size == (2048, 41)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("photo.png", b"PK\x03\x04" + bytes(200), "image_broken"),
        ("photo.png", picture()[:60], "image_broken"),
        ("photo.jpg", b"just words", "image_broken"),
        ("paper.pdf", b"just words", "pdf_unreadable"),
        ("paper.pdf", b"%PDF-1.7\nnothing of it is true", "pdf_unreadable"),
        ("paper.pdf", pdf_of(b""), "pdf_unreadable"),
        ("words.docx", b"PK\x03\x04" + b"word/document.xml" * 20, "file_type_unknown"),
        ("program", b"\x7fELF" + bytes(range(256)) * 4, "file_type_unknown"),
        ("empty.txt", b"", "file_type_unknown"),
    ],
)
def test_what_is_not_what_it_says_is_refused_with_a_code(client, conversation, name, data, code):
    answer = upload(client, conversation, name, data, "image/png")
    assert answer.json()["code"] == code and answer.status_code in (400, 415)
    assert answer.json()["detail"]
    assert not Attachment.objects.exists()


def test_a_picture_of_a_million_pixels_a_side_is_refused_without_being_unpacked(client, conversation):
    head = picture("PNG", size=(10, 10))
    size = (60_000).to_bytes(4, "big") * 2
    chunk = b"IHDR" + size + head[24:29]
    bomb = head[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + head[33:]
    assert upload(client, conversation, "bomb.png", bomb).json()["code"] == "image_broken"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_a_text_is_read_in_the_encoding_it_has(client, conversation, encoding):
    words = "Olá, ação! Straße. " * 20
    said = upload(client, conversation, "words.txt", words.encode(encoding)).json()
    assert (said["kind"], said["characters"]) == ("text", len(words))
    assert Attachment.objects.get(public_id=said["id"]).text == words


def test_a_text_that_is_too_long_is_refused_with_its_length(client, conversation, settings):
    settings.ORQ_ATTACHED_MOST_CHARS = 1000
    answer = upload(client, conversation, "long.txt", b"x" * 1001)
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert "1,001" in answer.json()["detail"] or "1001" in answer.json()["detail"]


def test_a_file_that_is_too_large_is_refused_unread(client, conversation, settings, monkeypatch):
    settings.ORQ_ATTACHED_MOST_MB = 1
    monkeypatch.setattr(attaching, "read_file", lambda *_: pytest.fail("it was read"))
    assert upload(client, conversation, "x.txt", b"x" * (2**20 + 1)).json()["code"] == "file_too_large"


# ── PDFs ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_text_of_a_pdf_is_read_page_by_page(client, conversation):
    said = upload(client, conversation, "paper.pdf", pdf_of(page("First page"), page("Second page"))).json()
    assert (said["kind"], said["pages"], said["media_type"]) == ("pdf", 2, "application/pdf")
    assert Attachment.objects.get(public_id=said["id"]).text == "[1]\nFirst page\n\n[2]\nSecond page"


def test_a_pdf_of_too_many_pages_is_refused(client, conversation, settings):
    settings.ORQ_ATTACHED_MOST_PAGES = 2
    assert upload(client, conversation, "x.pdf", pdf_of(*[page("x")] * 3)).json()["code"] == "pdf_too_large"


def test_a_pdf_that_unpacks_to_gigabytes_is_refused_and_the_server_goes_on(client, conversation):
    packed = zlib.compress(b"BT /F 12 Tf (x) Tj ET " * 20_000_000, 9)
    bomb = pdf_of(packed, filter=b"/Filter/FlateDecode")
    assert len(bomb) < 2_000_000
    assert upload(client, conversation, "bomb.pdf", bomb).json()["code"] in ("pdf_too_large", "pdf_unreadable")
    assert upload(client, conversation, "x.txt", b"still here").status_code == 201


def test_a_child_that_never_ends_is_ended(monkeypatch, settings):
    monkeypatch.setattr(reading, "PATIENCE_S", 0.05)
    assert reading._in_child("pdf", pdf_of(page("x")), most_bytes=100)[0] == {"error": "too_much_work"}


# ── Sending ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_file_is_sent_once_with_a_message_and_then_stays(client, actor, conversation):
    said = upload(client, conversation, "note.md", b"# Words").json()
    url = f"/api/conversations/{conversation.public_id}/messages/"
    body = json.dumps({"content": "Read this", "attachments": [said["id"]]})
    sent = client.post(url, body, content_type="application/json").json()["question"]
    assert sent["attachments"] == [said]
    assert client.post(url, body, content_type="application/json").status_code == 400
    assert client.delete(f"/api/attachments/{said['id']}/").status_code == 409
    other = services.conversation_create(actor)
    second = upload(client, conversation, "b.txt", b"words").json()
    elsewhere = f"/api/conversations/{other.public_id}/messages/"
    refused = client.post(elsewhere, {"content": "x", "attachments": [second["id"]]}, content_type="application/json")
    assert refused.status_code == 400
    assert client.delete(f"/api/attachments/{second['id']}/").status_code == 204


def test_an_edited_question_keeps_the_files_of_the_first(client, conversation):
    said = upload(client, conversation, "note.md", b"# Words").json()
    url = f"/api/conversations/{conversation.public_id}/messages/"
    first = client.post(url, {"content": "Read", "attachments": [said["id"]]}, content_type="application/json").json()
    again = {"content": "Read well", "attachments": [said["id"]], "instead_of": first["question"]["id"]}
    second = client.post(url, again, content_type="application/json").json()
    kept = second["question"]["attachments"][0]
    assert kept["name"] == "note.md" and kept["id"] != said["id"]
    assert client.get(f"/api/attachments/{kept['id']}/content/").content == b"# Words"


def test_an_image_for_a_model_that_sees_none_is_refused_before_anything_is_asked(client, actor, conversation):
    blind = model_at(actor, "blind")
    said = upload(client, conversation, "x.png", picture()).json()
    url = f"/api/conversations/{conversation.public_id}/messages/"
    body = {"content": "What is this?", "attachments": [said["id"]]}
    nobody_sees = client.post(url, body, content_type="application/json")
    assert (nobody_sees.status_code, nobody_sees.json()["code"]) == (409, "model_cannot_see")
    seeing = model_at(actor, "seeing", capabilities=["chat", "vision"])
    Conversation.objects.filter(pk=conversation.pk).update(model=blind)
    refused = client.post(url, body, content_type="application/json")
    assert refused.json()["code"] == "model_cannot_see" and "blind" in refused.json()["detail"].lower()
    assert not conversation.messages.exists()
    Conversation.objects.filter(pk=conversation.pk).update(model=seeing)
    sent = client.post(url, body, content_type="application/json")
    assert sent.status_code == 201
    answer = sent.json()["answer"]["id"]
    client.post(f"/api/messages/{answer}/stop/")
    again = client.post(f"/api/messages/{answer}/regenerate/", {"model": str(blind.public_id)}, content_type="application/json")
    assert again.json()["code"] == "model_cannot_see"


# ── Who sees it ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_its_content_can_do_nothing_in_a_browser(client, conversation):
    said = upload(client, conversation, 'a"b\r\n<x>.html', b"<script>alert(1)</script>").json()
    content = client.get(f"/api/attachments/{said['id']}/content/")
    assert content["Content-Type"] == "text/plain; charset=utf-8"
    assert content["Content-Disposition"].startswith("attachment") and "\n" not in content["Content-Disposition"]
    assert content["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in content["Content-Security-Policy"] and "default-src 'none'" in content["Content-Security-Policy"]


def test_it_is_its_owners_until_the_conversation_is_shared(client, actor, conversation):
    said = upload(client, conversation, "note.md", b"# Words").json()
    unsent = upload(client, conversation, "later.md", b"# Later").json()
    url = f"/api/attachments/{said['id']}/content/"
    services.message_send(actor, conversation, content="x", attachments=[Attachment.objects.get(public_id=said["id"])])
    mate, stranger = signed_in(make_actor(Role.MEMBER, team=actor.team)), signed_in(make_actor())
    assert (mate.get(url).status_code, stranger.get(url).status_code) == (404, 404)
    services.conversation_update(actor, conversation, is_shared=True)
    assert (mate.get(url).status_code, stranger.get(url).status_code) == (200, 404)
    assert mate.get(f"/api/attachments/{unsent['id']}/content/").status_code == 404
    assert upload(mate, conversation, "mine.txt", b"x").status_code == 403
    services.conversation_delete(actor, conversation)
    assert (client.get(url).status_code, mate.get(url).status_code) == (404, 404)


def test_what_was_never_sent_is_thrown_away_after_a_day(client, actor, conversation):
    from datetime import timedelta

    from django.utils import timezone

    said = [upload(client, conversation, name, b"words").json()["id"] for name in ("a", "b", "c")]
    rows = [Attachment.objects.get(public_id=one) for one in said]
    services.message_send(actor, conversation, content="x", attachments=[rows[0]])
    old = timezone.now() - timedelta(days=1, minutes=1)
    Attachment.objects.filter(pk__in=[rows[0].pk, rows[1].pk]).update(created_at=old)
    services.conversations_purge()
    assert set(Attachment.objects.values_list("pk", flat=True)) == {rows[0].pk, rows[2].pk}
