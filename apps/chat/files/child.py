"""Runs in a process of its own: reads one file from stdin, and writes what it found to stdout.

Files come from anywhere, and those who write them may mean harm: a page that unpacks to gigabytes, an image of a million
pixels a side, a loop. So this process has no more memory, time and output than it is given, and no settings, keys or
database to lose. It imports nothing of the product.

    python -I child.py image|pdf '{"memory_mb", "cpu_s", "most_pixels", "most_side", "most_pages", "most_chars"}'

The first line of the output is JSON; after it come an image's bytes or a PDF's text.
"""

from __future__ import annotations

import io
import json
import sys
import warnings
from typing import Any

SMALL_ENOUGH_BYTES = 1_500_000  # of a PNG; a larger one becomes a JPEG
FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg"}
READABLE = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")


def limit(*, memory_mb: int, cpu_s: int) -> None:
    """No more than this, whatever the file wants. Windows has no such limits; there the caller's clock alone ends it."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def image(data: bytes, *, most_pixels: int, most_side: int, **_: Any) -> tuple[dict[str, Any], bytes]:
    """The image upright, without what its camera wrote into it, and no larger than models look at."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, and it is an answer rather than a warning
    with Image.open(io.BytesIO(data), formats=READABLE) as opened:
        width, height = opened.size
        if width * height > most_pixels:
            return {"error": "too_large", "pixels": width * height}, b""
        kind = opened.format
        opened.draft("RGB", (most_side, most_side))
        upright = ImageOps.exif_transpose(opened)
    upright.thumbnail((most_side, most_side))
    kept, data = _written(upright, prefers_png=kind != "JPEG")
    return {"media_type": FORMATS[kept], "width": upright.width, "height": upright.height}, data


def _written(picture: Any, *, prefers_png: bool) -> tuple[str, bytes]:
    has_alpha = "A" in picture.getbands() or "transparency" in picture.info
    if prefers_png:
        out = io.BytesIO()
        picture.convert("RGBA" if has_alpha else "RGB").save(out, "PNG", optimize=False)
        if out.tell() <= SMALL_ENOUGH_BYTES:
            return "PNG", out.getvalue()
    if has_alpha:
        from PIL import Image

        seen = picture.convert("RGBA")
        ground = Image.new("RGB", seen.size, "white")
        ground.paste(seen, mask=seen.getchannel("A"))
        picture = ground
    out = io.BytesIO()
    picture.convert("RGB").save(out, "JPEG", quality=88)
    return "JPEG", out.getvalue()


def pdf(data: bytes, *, most_pages: int, most_chars: int, **_: Any) -> tuple[dict[str, Any], bytes]:
    """The text of all pages, each under its number."""
    from pypdf import PdfReader

    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and not reader.decrypt(""):
        return {"error": "locked"}, b""
    pages = len(reader.pages)
    if pages > most_pages:
        return {"error": "too_many_pages", "pages": pages}, b""
    texts, characters = [], 0
    for number, page in enumerate(reader.pages, 1):
        text = (page.extract_text() or "").strip()
        characters += len(text)
        if characters > most_chars:
            return {"error": "too_long", "pages": pages, "characters": characters}, b""
        if text:
            texts.append(f"[{number}]\n{text}")
    return {"pages": pages}, "\n\n".join(texts).encode("utf-8", "replace")


def main() -> int:
    what, limits = sys.argv[1], json.loads(sys.argv[2])
    limit(memory_mb=limits.pop("memory_mb"), cpu_s=limits.pop("cpu_s"))
    warnings.simplefilter("ignore")
    try:
        read = image if what == "image" else pdf
        about, data = read(sys.stdin.buffer.read(), **limits)
    except (MemoryError, RecursionError):
        about, data = {"error": "too_much_work"}, b""
    except Exception as error:  # whatever a parser says of a file that is broken
        about, data = {"error": "unreadable", "why": f"{type(error).__name__}: {error}"[:300]}, b""
    sys.stdout.buffer.write(json.dumps(about).encode() + b"\n" + data)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
