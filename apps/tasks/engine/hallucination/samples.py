"""Self-consistency: what the same model, or others, said to the same question."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from apps.tasks.engine.hallucination.sources import PREFIX, content
from apps.tasks.engine.hallucination.text import NAME, NUMBER, Text, Word, read
from apps.tasks.engine.hallucination.types import Signal, Span

SAMPLES = 30
SAMPLE_CHARS = 12_000
_RARE = 0.2


def samples(answer: Text, others: Sequence[str], name: str = "samples") -> Signal | None:
    """What few of the other answers say too. None without other answers."""
    texts = [read(other, SAMPLE_CHARS) for other in others[:SAMPLES] if other.strip()]
    said = content(answer.words)
    if not texts or not said:
        return None
    stems = [{word.stem for word in text.words} for text in texts]
    prefixes = [{item[:PREFIX] for item in found if len(item) >= PREFIX} for found in stems]
    pairs = [{(a.stem, b.stem) for a, b in pairwise(text.words)} for text in texts]
    shares = [_share(word, stems, prefixes) for word in said]
    facts = [share for word, share in zip(said, shares, strict=True) if word.kind in (NAME, NUMBER)]
    rest = [share for word, share in zip(said, shares, strict=True) if word.kind not in (NAME, NUMBER)]
    counts = Counter(word.stem for text in texts for word in text.words)
    total = sum(counts.values())
    surprises = [-math.log((counts[word.stem] + 0.5) / (total + 0.5 * len(counts) + 1)) for word in said]
    answer_pairs = [(a.stem, b.stem) for a, b in pairwise(answer.words)]
    measures = {
        "share": sum(shares) / len(shares),
        "least": min(shares),
        "facts": sum(facts) / len(facts) if facts else 0.5,
        "least_fact": min(facts, default=0.5),
        "rest": sum(rest) / len(rest) if rest else 0.5,
        "alone": sum(share <= 0.05 for share in shares) / len(shares),
        "surprise": sum(surprises) / len(surprises),
        "most_surprise": max(surprises),
        "pairs": sum(sum(pair in found for found in pairs) for pair in answer_pairs) / (len(answer_pairs) or 1) / len(texts),
        "best": max(sum(word.stem in found for word in said) / len(said) for found in stems),
        "typical": sum(sum(word.stem in found for word in said) / len(said) > 0.5 for found in stems) / len(texts),
        "accord": _accord(stems),
    }
    spans = tuple(
        Span(word.start, word.end, "few_samples_say_so")
        for word, share in zip(said, shares, strict=True)
        if share <= _RARE and word.kind in (NAME, NUMBER)
    )
    return Signal(name, 1.0 - measures["share"], spans, measures)


def _share(word: Word, stems: list[set[str]], prefixes: list[set[str]]) -> float:
    if len(word.stem) < PREFIX:
        return sum(word.stem in found for found in stems) / len(stems)
    prefix = word.stem[:PREFIX]
    return sum(
        1.0 if word.stem in found else 0.6 * (prefix in begun) for found, begun in zip(stems, prefixes, strict=True)
    ) / len(stems)


def _accord(stems: list[set[str]]) -> float:
    """How like the others are to each other: with themselves at odds, they say less about the answer."""
    couples = list(pairwise(stems))[:10]
    if not couples:
        return 0.5
    return sum(len(a & b) / (len(a | b) or 1) for a, b in couples) / len(couples)
