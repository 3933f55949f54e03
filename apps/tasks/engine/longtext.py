"""A text that is longer than a model can read at once, cut into parts where it hurts least. Pure functions of plain text.

Every character of the text is in some part, in its order; parts overlap, so that what stands at a border is read with what
stands around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# UTF-8 bytes of a token. A rule of thumb on the safe side: vendors speak of four letters for English, a Chinese or Japanese
# character (three bytes) is often a token of its own. Too many parts cost a call, too few lose text at servers that cut in
# silence. Where it was still too long, the refusal is believed (engine/reading.py).
BYTES_PER_TOKEN = 3
_BORDERS = (
    re.compile(r"\n[ \t]*\n\s*"),  # between paragraphs
    re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+|(?<=[。！？])|\n"),  # between sentences or lines
    re.compile(r"\s+"),  # between words
)

Span = tuple[int, int]


def estimate_tokens(text: str) -> int:
    """How many tokens a text has by its length in bytes: an estimate, meant to be too large rather than too small."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def split(text: str, *, part_tokens: int, overlap_tokens: int = 0) -> list[str]:
    """The text in parts of at most `part_tokens` each; the end of one, up to `overlap_tokens`, begins the next.

    Cut between paragraphs, else between sentences, words, characters. One part where all of it fits; none of an empty text.
    """
    return [text[start:end] for start, end in spans(text, part_tokens=part_tokens, overlap_tokens=overlap_tokens)]


def spans(text: str, *, part_tokens: int, overlap_tokens: int = 0) -> list[Span]:
    """The same as places in the text: they begin at 0, end at its end, and leave out nothing between."""
    if part_tokens < 1:
        raise ValueError("a part has room for a token at least")
    most = part_tokens * BYTES_PER_TOKEN
    overlap = min(overlap_tokens * BYTES_PER_TOKEN, most // 2)
    if _size(text) <= most:
        return [(0, len(text))] if text else []
    return _packed(text, list(_units(text, (0, len(text)), max(1, most - overlap), 0)), most, overlap)


def _packed(text: str, units: list[Span], most: int, overlap: int) -> list[Span]:
    """Units put together into parts of at most `most` bytes, each part beginning with the last units of the one before."""
    sizes = [_size(text[start:end]) for start, end in units]
    found: list[Span] = []
    first = fresh = 0  # the first unit of this part, and the first that no earlier part has
    while fresh < len(units):
        last, size = fresh, sum(sizes[first:fresh])
        while last < len(units) and size + sizes[last] <= most:
            size += sizes[last]
            last += 1
        if last == fresh:  # no room beside the overlap
            first += 1
            continue
        found.append((units[first][0], units[last - 1][1]))
        fresh = last
        first = _back(sizes, fresh, overlap)
    return found


def _back(sizes: list[int], end: int, overlap: int) -> int:
    """The unit at which an overlap of at most `overlap` bytes before `end` begins."""
    start, size = end, 0
    while start > 0 and size + sizes[start - 1] <= overlap:
        start -= 1
        size += sizes[start]
    return start


def _units(text: str, span: Span, most: int, level: int) -> Iterator[Span]:
    """Pieces of the span that are at most `most` bytes long, cut at the largest borders that will do."""
    start, end = span
    if _size(text[start:end]) <= most:
        yield span
    elif level == len(_BORDERS):
        yield from _cut(text, span, most)
    else:
        at = start
        for border in _BORDERS[level].finditer(text, start, end):
            if at < border.end() < end:
                yield from _units(text, (at, border.end()), most, level + 1)
                at = border.end()
        yield from _units(text, (at, end), most, level + 1)


def _cut(text: str, span: Span, most: int) -> Iterator[Span]:
    """A run without any border, cut between characters."""
    start, end = span
    while start < end:
        length = min(end - start, most)
        while length > 1 and _size(text[start : start + length]) > most:
            length = max(1, length * 3 // 4)
        yield start, start + length
        start += length


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
