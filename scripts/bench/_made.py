"""Wrong answers made from ordinary texts with a fixed seed: loops, and answers under the question nearest to theirs."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEED = 20_261_121
SHORTEST_WORDS, LONGEST_WORDS = 40, 400
_MOST_CHANGED = 3  # words of a sentence
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_WORD = re.compile(r"\w+")


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """All rows of the `*_dev.jsonl.gz` files of the folder."""
    files = sorted(folder.glob("*_dev.jsonl.gz"))
    if not files:
        raise SystemExit(f"{folder} holds no *_dev.jsonl.gz")
    return [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).decode("utf-8").splitlines()]


# ── loops ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def ordinary_texts(rows: Sequence[dict[str, Any]], most: int) -> list[str]:
    """Right answers and sources of the data, each once, 40 to 400 words and three sentences at least; `most` drawn of them."""
    told = (text for row in rows for text in ("" if row["label"] else row["answer"], row.get("context") or ""))
    found = dict.fromkeys(text.strip() for text in told if text)
    long_enough = [text for text in found if SHORTEST_WORDS <= len(text.split()) <= LONGEST_WORDS and len(_sentences(text)) >= 3]
    return random.Random(SEED).sample(long_enough, min(most, len(long_enough)))


def _sentences(text: str) -> list[str]:
    return [part for part in _SENTENCE.split(text) if len(part.split()) >= 4]


def loops(text: str, rng: random.Random) -> dict[str, str]:
    """The text with a loop of each kind."""
    return {kind: make(text, rng) for kind, make in _LOOPS.items()}


def _last_again(text: str, rng: random.Random) -> str:
    return " ".join([text, *[_sentences(text)[-1]] * rng.randint(3, 10)])


def _last_two_again(text: str, rng: random.Random) -> str:
    return " ".join([text, *[" ".join(_sentences(text)[-2:])] * rng.randint(3, 6)])


def _goes_round(text: str, rng: random.Random) -> str:
    words = text.split()
    start = rng.randrange(max(1, len(words) - 8))
    phrase = words[start : start + rng.randint(3, 8)]
    return " ".join(words + phrase * rng.randint(5, 15))


def _strewn_in(text: str, rng: random.Random) -> str:
    sentences = _sentences(text)
    again = rng.choice(sentences)
    for _ in range(3):
        sentences.insert(rng.randrange(len(sentences) + 1), again)
    return " ".join(sentences)


def _numbered_again(text: str, rng: random.Random) -> str:
    again = rng.choice(_sentences(text))
    return "\n".join([text, *(f"{number}. {again}" for number in range(1, rng.randint(4, 10)))])


def _one_word_changed(text: str, rng: random.Random) -> str:
    words = _sentences(text)[-1].split()
    others = [word for word in text.split() if word.isalpha()] or words
    changed = []
    for _ in range(rng.randint(4, 8)):
        place = rng.randrange(len(words))
        changed.append(" ".join([*words[:place], rng.choice(others), *words[place + 1 :]]))
    return " ".join([text, *changed])


def _with_a_word_changed(words: list[str], others: Sequence[str], rng: random.Random) -> list[str]:
    """Another one in its place, left out, or put in."""
    place, kind = rng.randrange(len(words)), rng.randrange(3)
    return [*words[:place], *([] if kind == 0 else [rng.choice(others)]), *words[place + (kind != 2) :]]


def _each_second_twice(text: str, rng: random.Random) -> str:
    others, said = [word for word in text.split() if word.isalpha()] or text.split(), []
    for place, sentence in enumerate(_sentences(text)):
        said.append(sentence)
        if place % 2:
            words = sentence.split()
            for _ in range(rng.randint(1, _MOST_CHANGED)):
                words = _with_a_word_changed(words, others, rng)
            said.append(" ".join(words))
    return " ".join(said)


def _word_left_out(text: str, rng: random.Random) -> str:
    words, said = _sentences(text)[-1].split(), []
    for _ in range(rng.randint(4, 8)):
        place = rng.randrange(len(words))
        said.append(" ".join([*words[:place], *words[place + 1 :]]))
    return " ".join([text, *said])


def _paragraph_again(text: str, rng: random.Random) -> str:
    return "\n\n".join([text] * rng.randint(3, 5))


def _in_the_middle(text: str, rng: random.Random) -> str:
    words = text.split()
    start = rng.randrange(len(words) // 2)
    after = start + rng.randint(3, 8)
    return " ".join(words[:after] + words[start:after] * rng.randint(5, 15) + words[after:])


def _cut_in_the_loop(text: str, rng: random.Random) -> str:
    again = _sentences(text)[-1]
    return " ".join([text, *[again] * rng.randint(4, 10)])[: -rng.randint(1, len(again) - 1)]


def _counted(text: str, rng: random.Random) -> str:
    again = rng.choice(_sentences(text))
    return " ".join([text, *(f"Step {number}: {again}" for number in range(1, rng.randint(6, 12)))])


_LOOPS: dict[str, Callable[[str, random.Random], str]] = {
    "the last sentence again and again": _last_again,
    "the last two sentences again and again": _last_two_again,
    "a phrase goes round": _goes_round,
    "a sentence strewn in three times": _strewn_in,
    "a sentence numbered again and again": _numbered_again,
    "again with one word changed each time": _one_word_changed,
    "again with one word left out each time": _word_left_out,
    "each second sentence twice with one to three changes": _each_second_twice,
    "the whole text again and again": _paragraph_again,
    "a phrase goes round in the middle": _in_the_middle,
    "the answer ends in the loop": _cut_in_the_loop,
    "a sentence with a counter": _counted,
}


# ── off-topic ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and an answer that is on its topic, whether right or wrong."""

    question: str
    answer: str


def topics(rows: Sequence[dict[str, Any]], routing: Path | None) -> dict[str, list[Pair]]:
    """On-topic pairs by kind; school mathematics only with the folder that has them."""
    found = {
        "one-sentence answers": _one_sentence(rows),
        "“Who is …?”": list(_biographies(rows)),
        "articles on request": list(_articles(rows)),
    }
    if routing:
        found["school mathematics"] = list(_mathematics(routing))
    return {kind: pairs for kind, pairs in found.items() if len(pairs) > 1}


def _one_sentence(rows: Sequence[dict[str, Any]]) -> list[Pair]:
    return [Pair(row["question"], row["answer"]) for row in rows if row["dataset"] == "halueval_qa" and row["label"]]


def _biographies(rows: Sequence[dict[str, Any]]) -> Iterator[Pair]:
    passages: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row["task"] == "wikibio_sentence":
            passages[row["group"]].append(row["answer"])
    for sentences in passages.values():
        name = re.split(r"\s*\(|\s+(?:is|was)\s", sentences[0], maxsplit=1)[0]
        if 1 < len(name.split()) < 6:
            yield Pair(f"Who is {name}?", " ".join(sentences))


def _articles(rows: Sequence[dict[str, Any]]) -> Iterator[Pair]:
    """For each request the longest text that one model had written so far."""
    longest: dict[str, str] = {}
    for row in rows:
        if row["dataset"] == "chatprotect":
            text = f"{row['meta']['prefix']} {row['answer']}".strip()
            longest[row["question"]] = max(longest.get(row["question"], ""), text, key=len)
    return (Pair(question, text) for question, text in longest.items() if len(text.split()) >= SHORTEST_WORDS)


def _mathematics(folder: Path) -> Iterator[Pair]:
    asked = {row["id"]: row["prompt"] for row in _table(folder / "gsm8k_dev.csv.gz")}
    for row in _table(folder / "gsm8k_dev_weak_answers.csv.gz"):
        yield Pair(asked[row["id"]], row["weak_answer"])


def _table(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(gzip.decompress(file.read_bytes()).decode("utf-8"))))


def to_the_nearest_question(pairs: Sequence[Pair]) -> list[Pair]:
    """Each answer under the question of another pair that has most in common with its own, rare words counting more."""
    words = [Counter(_WORD.findall(pair.question.casefold())) for pair in pairs]
    known_in = Counter(word for found in words for word in found)
    vectors = [{word: n * math.log(1 + len(pairs) / known_in[word]) for word, n in found.items()} for found in words]
    lengths = [math.sqrt(sum(value * value for value in vector.values())) or 1.0 for vector in vectors]
    places: dict[str, list[int]] = defaultdict(list)
    for place, vector in enumerate(vectors):
        for word in vector:
            places[word].append(place)
    return [
        Pair(pairs[_nearest(place, pairs, vectors, lengths, places)].question, pair.answer) for place, pair in enumerate(pairs)
    ]


def _nearest(
    own: int, pairs: Sequence[Pair], vectors: list[dict[str, float]], lengths: list[float], places: dict[str, list[int]]
) -> int:
    likeness: dict[int, float] = defaultdict(float)
    for word, value in vectors[own].items():
        for place in places[word]:
            likeness[place] += value * vectors[place][word] / lengths[place]
    others = [place for place in likeness if pairs[place].question != pairs[own].question]
    return max(others, key=lambda place: (likeness[place], -place)) if others else (own + 1) % len(pairs)
