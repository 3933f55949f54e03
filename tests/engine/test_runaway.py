"""Loops are cut; real texts that repeat for good reasons are not."""

from __future__ import annotations

import pytest

from apps.tasks.engine.circles import StreamGuard
from apps.tasks.engine.errors import RunawayAnswer
from apps.tasks.engine.inspection import inspect
from apps.tasks.engine.runaway import RunawayGuard, repeated_unit
from apps.tasks.engine.types import Draft
from tests.engine.fakes import a_subtask, model

WORDS = ("salt", "tar", "rope", "coal", "fish", "grain", "wool")
LOOPS = {
    "one sentence": "The sky is blue and the grass is green. " * 60,
    "a paragraph": ("First we look at the facts. Then we weigh them, one by one, with care.\n\nSo we come to this:\n\n" * 40),
    "after a good start": "".join(f"Fact {n} is about item {n * 7}. " for n in range(40)) + "And so on and so forth. " * 80,
    "a list item": "- Check the settings again\n" * 90,
    "Portuguese": "O céu é azul e a grama é verde, como já foi dito. " * 60,
    "Chinese": "天空是蓝色的，草是绿色的，云是白色的，水是清澈的。" * 80,
    "two in turn": "You are right. I am sorry. " * 90,
    "dashes for ever": "-" * 9_000,
    "zeros for ever": "0, " * 4_000,
    "a long stretch": " ".join(f"Ship {n} left the harbour of {WORDS[n % 7]} with {WORDS[n % 5]}." for n in range(35)) * 12,
    "sentences in changing order": " ".join(
        f"The {WORDS[(n * n) % 7]} is near the {WORDS[(n * n + 3) % 7]} and far from here." for n in range(400)
    ),
}

TABLE = "| Item | Yes | No |\n|------|-----|----|\n" + "".join(f"| Item {n} | x |  |\n" for n in range(60))
POEM = "".join(
    f"Verse {n}: the {word} went down to the sea,\nand never a word it said to me.\n\n"
    "Row, row, row your boat,\nGently down the stream,\n\n"
    for n, word in enumerate(["old man", "young fox", "grey owl", "brown bear", "white gull", "red hen", "black cat", "blue jay"])
)
CODE = "".join(
    f"    if kind == {n}:\n        try:\n            return read_{n}(source)\n"
    "        except ValueError:\n            return None\n"
    for n in range(60)
)
REAL = {
    "a long list of facts": "".join(
        f"Point {n}: the {WORDS[n % 7]} of day {n} weighed {n * 13 % 97} stones. " for n in range(300)
    ),
    "a table": TABLE,
    "a wide table of one value": "| a | b | c |\n|---|---|---|\n" + "| 0 | 0 | 0 |\n" * 60,
    "a ruler of dashes": "Title\n" + "-" * 400 + "\nText\n" + "=" * 400 + "\n",
    "a matrix of zeros": "grid = [\n" + "    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],\n" * 32 + "]\n",
    "a check list": "".join(f"- [ ] Look at room {n}\n" for n in range(80)),
    "a form": "Name: ____________\nDate: ____________\n" * 8,
    "code": CODE,
    "a poem with a refrain": POEM,
    "a song": "Na na na, na-na-na-na, hey there\n" * 12,
    "numbers": "\n".join(f"{n}. {n * n}" for n in range(300)),
    "html": "<table>\n" + "<tr><td></td><td></td></tr>\n" * 60 + "</table>",
    "blank lines": "One\n" + "\n" * 500 + "Two",
    "short": "ha " * 30,
}


def hear(text: str, piece: int = 7) -> int:
    """How many characters a guard hears before it cuts; all of them when it does not."""
    guard = StreamGuard()
    for start in range(0, len(text), piece):
        try:
            guard.feed(text[start : start + piece])
        except RunawayAnswer:
            return start + piece
    return len(text)


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_is_cut(name: str) -> None:
    assert hear(LOOPS[name]) < len(LOOPS[name])


def test_a_loop_is_cut_early() -> None:
    assert hear(LOOPS["one sentence"]) < 1_500


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("piece", [1, 7, 5_000])
def test_a_real_text_is_not_cut(name: str, piece: int) -> None:
    assert hear(REAL[name], piece) == len(REAL[name])


def test_it_says_what_was_repeated() -> None:
    with pytest.raises(RunawayAnswer) as caught:
        RunawayGuard().feed("The sky is blue today. " * 100)
    assert "sky is blue" in caught.value.extra["quote"]


def test_a_loop_that_began_is_found_at_any_length_of_its_unit() -> None:
    for length in (12, 13, 40, 99, 300, 700):
        unit = ("abcdefghijklmnopqrstuvwxyz ,.;" * 30)[:length]
        assert repeated_unit("Something before. " + unit * max(8, 800 // length)) is not None


# ── after it is written ───────────────────────────────────────────────────────────────────────────────────────────


def found(text: str, *, is_complete: bool = True) -> dict[str, float]:
    draft = Draft(text, model("ann"), is_complete=is_complete)
    return {item.kind: item.score for item in inspect(a_subtask(), {}, draft, None).items}


def test_a_text_that_says_the_same_again_and_again_is_suspicious() -> None:
    assert found("The sky is always blue here. " * 5)["repetition"] >= 75
    assert found("I like the blue sky. You like the green grass. " * 6)["repetition"] >= 75


def test_a_sentence_said_three_times_in_a_long_text_is_noted_but_weighs_little() -> None:
    subjects = ("The harbour", "A gull", "My aunt", "The old mill", "Rain", "The baker", "Nobody", "A letter", "The tide", "Noon")
    deeds = ("opens late", "waits on the wall", "sells bread to sailors", "hides a secret from the town", "came back in spring")
    points = " ".join(f"{one} {deeds[(place * 3 + more) % 5]}." for more in range(2) for place, one in enumerate(subjects))
    text = points + " As I have said before." * 3
    assert 0 < found(text)["repetition"] < 30


@pytest.mark.parametrize("name", sorted({*REAL} - {"a song", "a form", "a check list"}))
def test_a_real_text_is_not_suspicious(name: str) -> None:
    assert found(REAL[name]).get("repetition", 0) < 75


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t help with that.",
        "I am unable to assist with this request.",
        "Sorry, I cannot provide that.",
        "As an AI language model, I do not have opinions.",
        "Desculpe, mas não posso ajudar com isso.",
        "Sinto muito, não posso atender a esse pedido.",
        "Não posso ajudar com isso.",
        "Como uma IA, não tenho acesso a isso.",
    ],
)
def test_a_refusal_is_seen(text: str) -> None:
    assert found(text)["refusal"] >= 75


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry for the delay, dear customer; your parcel left today.",
        "Desculpe o transtorno.",
        "Não posso ir amanhã.",
        "As an AI researcher she wrote forty papers.",
        "Sinto muito pela sua perda.",
        "I can't do without you.",
    ],
)
def test_words_of_regret_are_no_refusal(text: str) -> None:
    assert "refusal" not in found(text)


def test_a_cut_work_is_noted() -> None:
    assert found("It was a dark and", is_complete=False) == {"cut": 60}
    assert found("It was a dark night.") == {}
