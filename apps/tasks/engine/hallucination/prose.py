"""Which words of an answer are told in sentences: code, tables, data, log lines and refrains repeat for good reasons."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from apps.tasks.engine.hallucination.text import Text, Word

_FENCED = re.compile(r"^(```|~~~).*?(?:^\1|\Z)", re.DOTALL | re.MULTILINE)
_DATA_LINE = re.compile(
    r"\s*(?:"
    r"\|.*|[^|]*\|[^|]*\|.*|[^\t]*\S\t[^\t]*\t.*|(?:[^,.!?]|\.\d)*(?:,[^\s,.!?](?:[^,.!?]|\.\d)*){2,}|"  # tables
    r"[\[{].*[\]}\[{][,;]?|[}\])]+[,;]?.{0,20}|<.*>|\"[\w -]+\"\s*:.*|"  # JSON, marked-up text
    r"(?:if|for|while|else|elif|try|except|with|def|class)\b.*:|(?:return|import|raise|const|let|var|SELECT|INSERT|UPDATE)\b[^.!?]*|"
    r"[^=(]*[=({].*[;{(\[\\]|[\w.]+\(.*\)[,:;]?|\s+(?:- +)?[\w-]+:(?:\s.*)?|(?://|>>>|\$ |#!|@\w+$).*|"  # code
    r"\[?\d{4}-\d\d-\d\d\b.*|\[?\d\d:\d\d:\d\d.*|\[?(?:INFO|WARN|WARNING|ERROR|DEBUG)\b.*"  # logs
    r")\s*"
)
_LABELLED_LINE = re.compile(r"\s*(?:#+ .*|(?:[-*+•\d.)]+\s+)*(?:\*\*)?[^\W\d_][\w /-]{0,30}(?:\*\*)?:.{0,30}|\*\*.*\*\*)\s*")
_LONGEST_DATA_CHARS = 400  # a longer line is told, unless it is one of a table
_STANZA_END = re.compile(r"\n[ \t]*\n")
_VERSE_WORDS = 10  # lines of verse are no longer than that, half of them
_VERSE_LINES = 6
_OWN_SHARE = 0.2  # so much of a poem's lines are said once, at least
_STANZA_LINES = 2  # and so many lines has a stanza, on average


@dataclass(frozen=True, slots=True)
class Prose:
    """`words`: all that is told; `is_label`: by sentence, headings and fields, which may well be the same under each item."""

    words: tuple[Word, ...]
    labels: frozenset[int]


def prose(answer: Text) -> Prose:
    left_out = [match.span() for match in _FENCED.finditer(answer.raw)]
    left_out += _refrains(answer.raw)
    labels, at = [], 0
    for line in answer.raw.splitlines(keepends=True):
        span, at = (at, at + len(line)), at + len(line)
        if line.startswith("|") or (len(line) <= _LONGEST_DATA_CHARS and _DATA_LINE.fullmatch(line)):
            left_out.append(span)
        elif len(line) <= _LONGEST_DATA_CHARS and _LABELLED_LINE.fullmatch(line):
            labels.append(span)
    return Prose(
        tuple(_outside(answer.words, left_out)),
        frozenset({word.sentence for word in answer.words} - {word.sentence for word in _outside(answer.words, labels)}),
    )


def _outside(words: Sequence[Word], spans: Sequence[tuple[int, int]]) -> list[Word]:
    """The words that begin in none of the spans."""
    if not spans:
        return list(words)
    ordered, found, place, reached = sorted(spans), [], 0, 0
    for word in words:
        while place < len(ordered) and ordered[place][0] <= word.start:
            reached = max(reached, ordered[place][1])
            place += 1
        if word.start >= reached:
            found.append(word)
    return found


def _refrains(raw: str) -> list[tuple[int, int]]:
    """Lines of verse that an earlier stanza has too."""
    stanzas = _stanzas(raw)
    lines = [line for stanza in stanzas for line, _ in stanza]
    if len(lines) < max(_VERSE_LINES, _STANZA_LINES * len(stanzas)) or median(len(line.split()) for line in lines) > _VERSE_WORDS:
        return []
    counts = Counter(lines)
    if sum(count == 1 for count in counts.values()) < _OWN_SHARE * len(lines):
        return []
    found: list[tuple[int, int]] = []
    before: set[str] = set()
    for stanza in stanzas:
        found += [span for line, span in stanza if line in before]
        before |= {line for line, _ in stanza}
    return found


def _stanzas(raw: str) -> list[list[tuple[str, tuple[int, int]]]]:
    """The lines of each stanza, in small letters, with their places."""
    found, start = [], 0
    for end in [*(match.end() for match in _STANZA_END.finditer(raw)), len(raw)]:
        lines, at = [], start
        for line in raw[start:end].splitlines(keepends=True):
            if line.strip():
                lines.append((line.strip().casefold(), (at, at + len(line))))
            at += len(line)
        if lines:
            found.append(lines)
        start = end
    return found
