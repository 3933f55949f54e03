"""What a file is, decided by its content and never by its name, and what a model is given of it."""

from __future__ import annotations

import codecs
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.chat.errors import FileTooLarge, FileTypeUnknown, ImageBroken, PdfTooLarge, PdfUnreadable

CHILD = Path(__file__).with_name("child.py")
MOST_PIXELS = 60_000_000
MOST_SIDE = 2_048  # https://platform.openai.com/docs/guides/images-vision: what is larger is made smaller there (2026-11)
MEMORY_MB, CPU_S, PATIENCE_S = 1_024, 20, 40.0
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\x00", b"MM\x00*")
_PICTURE_NAMES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".heic")
_PACKED = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"Rar!", b"7z\xbc\xaf", b"\xd0\xcf\x11\xe0", b"\x7fELF", b"MZ")
_MARKS = (  # longest first: UTF-32's begins as UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MEDIA_TYPES = {
    ".md": "text/markdown",
    ".csv": "text/csv",
    ".json": "application/json",
    ".html": "text/html",
    ".htm": "text/html",
}


@dataclass(frozen=True, slots=True)
class Read:
    """`kind`: "image" with `data`, or "text" and "pdf" with `text`. `pages`: of a PDF."""

    kind: str
    media_type: str
    text: str = ""
    data: bytes = b""
    pages: int | None = None


def read_file(name: str, data: bytes) -> Read:
    """What can be given to a model. Raises FileTypeUnknown, FileTooLarge, ImageBroken, PdfUnreadable, PdfTooLarge."""
    ending = Path(name).suffix.lower()
    if b"%PDF-" in data[:1024]:
        return _pdf(data)
    if _is_picture(data):
        return _image(data)
    if ending in _PICTURE_NAMES:
        raise ImageBroken(_("“%s” is called an image, but its content is none.") % name)
    if ending == ".pdf":
        raise PdfUnreadable(_("“%s” is called a PDF, but its content is none.") % name)
    return Read("text", _MEDIA_TYPES.get(ending, "text/plain"), text=_text(name, data))


# ── Text ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _text(name: str, data: bytes) -> str:
    text = None if data.startswith(_PACKED) else _decoded(data)
    if text is None:
        words = _("“%s” is neither an image, a PDF nor a text. Save it as PDF or as text, and attach that.")
        raise FileTypeUnknown(words % name)
    text = text.replace("\r\n", "\n").replace("\x00", "")
    if not text.strip():
        raise FileTypeUnknown(_("“%s” is empty.") % name)
    if len(text) > settings.ORQ_ATTACHED_MOST_CHARS:
        figures = {"name": name, "has": len(text), "most": settings.ORQ_ATTACHED_MOST_CHARS}
        raise FileTooLarge(_("“%(name)s” has %(has)s characters; %(most)s are the most.") % figures)
    return text


def _decoded(data: bytes) -> str | None:
    """As UTF-8, UTF-16 or one of the old Western encodings; None where it is no text in any of them."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _as(data, encoding)
    head = data[:4096]
    if b"\x00" in head:  # ASCII in UTF-16 has a zero in every second byte
        zeros = head[1::2].count(0), head[0::2].count(0)
        if max(zeros) < len(head) // 4:
            return None
        return _as(data, "utf-16-le" if zeros[0] >= zeros[1] else "utf-16-be")
    if (text := _as(data, "utf-8")) is not None:
        return None if _looks_binary(text) else text
    text = _as(data, "cp1252") or data.decode("latin-1")
    return None if _looks_binary(text) else text


def _as(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _looks_binary(text: str) -> bool:
    """More than one in a hundred of its characters is one that no text has."""
    head = text[:20_000]
    strange = sum(1 for sign in head if (sign < " " and sign not in "\t\n\r\f\x1b\v") or "\x7f" <= sign <= "\x9f")
    return strange * 100 > len(head)


# ── Images and PDFs, in a process of their own ────────────────────────────────────────────────────────────────────
def _is_picture(data: bytes) -> bool:
    if data[:4] == b"RIFF":
        return data[8:12] == b"WEBP"
    if data[:2] == b"BM":  # as texts may begin, too
        return data[6:10] == bytes(4)
    if data[4:8] == b"ftyp":
        return data[8:12] in (b"avif", b"avis", b"heic", b"heix", b"mif1")
    return data.startswith(_PICTURES)


def _image(data: bytes) -> Read:
    about, picture = _in_child("image", data, most_bytes=12_000_000)
    if error := about.get("error"):
        if error in ("too_large", "too_much_work"):
            raise ImageBroken(_("This image is too large to be opened: at most %d million pixels.") % (MOST_PIXELS // 10**6))
        raise ImageBroken(_("This image cannot be read. Save it anew as PNG or JPEG."))
    return Read("image", about["media_type"], data=picture)


def _pdf(data: bytes) -> Read:
    most = settings.ORQ_ATTACHED_MOST_CHARS
    about, text = _in_child("pdf", data, most_bytes=most * 4 + 100_000)
    match about.get("error"):
        case "too_many_pages":
            figures = {"has": about["pages"], "most": settings.ORQ_ATTACHED_MOST_PAGES}
            raise PdfTooLarge(_("This PDF has %(has)s pages; %(most)s are the most. Attach a part of it.") % figures)
        case "too_long":
            raise PdfTooLarge(_("The text of this PDF has more than %d characters. Attach a part of it.") % most)
        case "too_much_work":
            raise PdfTooLarge(
                _("Reading this PDF takes more memory or time than a file is given. Attach a part of it, or its text.")
            )
        case "locked":
            raise PdfUnreadable(_("This PDF is locked with a password. Unlock it and attach it again."))
        case "unreadable":
            raise PdfUnreadable(_("This PDF is broken and cannot be read. Save or print it anew as PDF."))
    if not text.strip():
        said = ngettext("This PDF has %d page, and no text on it", "This PDF has %d pages, and no text on them", about["pages"])
        raise PdfUnreadable(said % about["pages"] + ": " + _("they may be photographs. Attach them as images."))
    return Read("pdf", "application/pdf", text=text.decode("utf-8", "replace").replace("\x00", ""), pages=about["pages"])


def _in_child(what: str, data: bytes, *, most_bytes: int) -> tuple[dict[str, Any], bytes]:
    """What the child says of a file. One that it did not survive, or that took too long, is too much work."""
    limits = {
        "memory_mb": MEMORY_MB,
        "cpu_s": CPU_S,
        "most_pixels": MOST_PIXELS,
        "most_side": MOST_SIDE,
        "most_pages": settings.ORQ_ATTACHED_MOST_PAGES,
        "most_chars": settings.ORQ_ATTACHED_MOST_CHARS,
    }
    command = [sys.executable, "-I", str(CHILD), what, json.dumps(limits)]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=PATIENCE_S, env={}, check=False, cwd="/")
    except subprocess.TimeoutExpired:
        return {"error": "too_much_work"}, b""
    head, _line, rest = done.stdout.partition(b"\n")
    if done.returncode or not head or len(rest) > most_bytes:
        return {"error": "too_much_work"}, b""
    return json.loads(head), rest
