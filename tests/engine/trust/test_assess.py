"""How far an answer can be trusted."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from apps.tasks.engine.trust import Trust, assess
from apps.tasks.engine.trust.arithmetic import sums_in, value_of
from apps.tasks.engine.trust.final import final_number
from apps.tasks.engine.trust.form import broken_code, forms_asked, is_cut, refusal
from apps.tasks.engine.trust.problem import asks_for_a_number, check_problem
from apps.tasks.engine.trust.score import score_lines

MODEL = Path(__file__).resolve().parents[3] / "apps/tasks/engine/trust/model.json"
EGGS = "Ana has 3 boxes of 12 eggs and breaks 4. How many eggs are left?"
RIGHT = "Ana has 3 x 12 = 36 eggs. After breaking 4 she has 36 - 4 = 32 eggs left.\n#### 32"
OVOS = "Ana tem 3 caixas com 12 ovos cada e quebra 4. Quantos ovos sobram?"
CERTO = "Ela tem 3 × 12 = 36 ovos. Quebra 4, então 36 − 4 = 32. Portanto, sobram 32 ovos."


def names(trust: Trust) -> set[str]:
    return {signal.name for signal in trust.signals}


@pytest.mark.parametrize(
    ("prompt", "good", "bad", "signal"),
    [
        (EGGS, RIGHT, RIGHT.replace("36 eggs", "46 eggs"), "wrong_sums"),
        (OVOS, CERTO, CERTO.replace("= 36", "= 46"), "wrong_sums"),
        (EGGS, RIGHT, "Ana has 3 x 12 = 36 eggs. After breaking 4 she has 36 -", "cut"),
        (EGGS, RIGHT, "Ana has 12 eggs in a box, so there are 12 eggs left in it at the end.\n#### 12", "given_numbers_unused"),
        (OVOS, CERTO, "Ela tem 3 × 12 = 36 ovos, mais 4 / 3 = 1,33. Portanto, sobram 37,33 ovos no final.", "final_not_whole"),
        (OVOS, CERTO, "Talvez 3 × 12 = 36 e provavelmente 36 − 4 = 32, mas não tenho certeza.", "hedges"),
        ("Name a fruit.", "Apple.", "I'm sorry, but I can't help with that.", "refusal"),
        ("Diga uma fruta.", "Maçã.", "Desculpe, não posso ajudar com isso.", "refusal"),
        ("Name a fruit.", "Apple.", "  \n", "empty"),
        ("Return the colours as JSON.", '["red"]', "The colours are red and blue.", "form_missed"),
        ("Responda em JSON.", '{"a": 1}', "A resposta é um.", "form_missed"),
        ("Add in Python.", "```python\na = 1\n```", "```python\ndef f(:\n```", "code_broken"),
        ("Say why.", "It is so.", "It is very much so. " * 9, "repetition"),
    ],
)
def test_what_is_amiss_lowers_it_and_is_named(prompt: str, good: str, bad: str, signal: str) -> None:
    assert assess(prompt, bad).score < assess(prompt, good).score
    assert signal in names(assess(prompt, bad))
    assert signal not in names(assess(prompt, good))


@pytest.mark.parametrize(
    ("more", "less"),
    [
        ({"samples": ["So it is 32.", "#### 32"]}, {"samples": ["#### 30"]}),
        ({"logprobs": [-0.01, -0.02]}, {"logprobs": [-1.5, -2.0]}),
        ({"verdict_score": 95.0}, {"verdict_score": 20.0}),
        ({"divergence": 5.0}, {"divergence": 80.0}),
        ({"hallucination": 0.0}, {"hallucination": 70.0}),
        ({"finish_reason": "stop"}, {"finish_reason": "length"}),
        ({"finish_reason": "stop"}, {"finish_reason": "content_filter"}),
    ],
)
def test_what_is_known_besides_the_text_counts(more: dict, less: dict) -> None:
    assert assess(EGGS, RIGHT, **less).score < assess(EGGS, RIGHT, **more).score


def test_what_is_not_there_adds_nothing() -> None:
    assert names(assess(EGGS, RIGHT)) <= {"complexity", "few_steps"}
    assert assess(EGGS, RIGHT, samples=(), logprobs=None).score == assess(EGGS, RIGHT).score


def test_a_bare_result_is_not_blamed_for_showing_no_steps() -> None:
    assert names(assess(EGGS, "32")) == {"complexity"}
    assert assess(EGGS, "32").score < assess(EGGS, RIGHT).score


def test_a_signal_says_how_far_and_why() -> None:
    wrong = next(signal for signal in assess(EGGS, RIGHT.replace("36 eggs", "46 eggs")).signals if signal.name == "wrong_sums")
    assert wrong.contribution < 0
    assert wrong.detail == "3 x 12 = 46 (36)"


@pytest.mark.parametrize(
    ("text", "is_right"),
    [
        ("3 x 12 = 36", [True]),
        ("3 × 12 = 37", [False]),
        ("<<8*5*60/100=24>>24", [True]),
        ("$<<40+24=65>>65", [False]),
        ("1.234,50 + 100 = 1.334,50", [True]),
        ("R$ 10,00 × 3 = R$ 30,00", [True]),
        ("(2 + 3) * 4 = 20", [True]),
        ("60% * 50 = 30", [True]),
        ("1 / 3 = 0.33", [True]),
        ("10 - 3 = 7 + 1 = 8", [False, True]),
        ("5 / 0 = 3", []),
        ("x + 3 = 5", []),
        (r"1200 \* 3/4 = $900", [True]),
        (r"25 - (8 \* 1) = 25 - 8 = 17", [True, True]),
        (r"8 \* 3/4 = 7", [False]),
        ("12.8 / 2/5 = 12.8 * 2.5 = 32", [True, True]),
        ("8 units per floor * 3/4 = 36 x 3/4 = 27", [True]),
        ("no sums at all", []),
    ],
)
def test_sums_are_done_again(text: str, is_right: list[bool]) -> None:
    assert [one.is_right for one in sums_in(text)] == is_right


@pytest.mark.parametrize(
    ("written", "value"), [("1,234.5", 1234.5), ("1.234,5", 1234.5), ("12,5", 12.5), ("1,000", 1000), ("20%", 0.2)]
)
def test_numbers_are_read_in_both_spellings(written: str, value: float) -> None:
    assert value_of(written) == pytest.approx(value)


@pytest.mark.parametrize(
    ("answer", "how", "value"),
    [
        (RIGHT, "marked", 32),
        (CERTO, "concluded", 32),
        ("A resposta é R$ 12,50.", "marked", 12.5),
        (r"\boxed{-7}", "marked", -7),
        ("Eggs: 32", "last", 32),
        ("I do not know", "none", None),
    ],
)
def test_the_final_number_is_found(answer: str, how: str, value: float | None) -> None:
    assert (final_number(answer).how, final_number(answer).value) == (how, value)


def test_words_of_the_question_must_show_in_the_sums() -> None:
    question = "Ana has 90 roses and 40 fewer tulips than roses. How many flowers does she have in total?"
    wrong = "She has 90 + 40 = 130 tulips, so in total she has 90 + 130 = 220 flowers."
    right = "She has 90 - 40 = 50 tulips, so in total she has 90 + 50 = 140 flowers."
    assert check_problem(question, wrong)["words_not_followed"] == (1.0, "40 less")
    assert check_problem(question, right)["words_not_followed"] == (0.0, "")


def test_only_questions_about_given_quantities_are_checked_as_such() -> None:
    assert asks_for_a_number(EGGS) and asks_for_a_number(OVOS)
    assert not asks_for_a_number("How many people live in France?")
    assert not asks_for_a_number("Which is 3 more than 4?\nA. 6\nB. 7")


def test_forms_are_known_by_name_in_both_languages() -> None:
    assert forms_asked("List 3 fruits.", "- a\n- b") == {"3 items": False}
    assert forms_asked("Liste três frutas.", "1. a\n2. b\n3. c") == {"3 items": True}
    assert forms_asked("Answer yes or no.", "Yes, it is.") == {"yes or no": True}
    assert forms_asked("Responda apenas o número.", "cerca de 4") == {"only a number": False}
    assert forms_asked("Explique em no máximo 5 palavras.", "um dois três quatro cinco seis") == {"at most 5 words": False}
    assert forms_asked("Pick.\nA. red\nB. blue\n", "B") == {"one of the options": True}
    assert forms_asked("Pick.\nA. red\nB. blue\n", "green") == {"one of the options": False}


def test_small_checks_hold() -> None:
    assert is_cut("It ends in the middle of a long sentence that goes on and") and not is_cut("It ends.") and not is_cut("Paris")
    assert is_cut("```python\nx = 1")
    assert broken_code('```json\n{"a": }\n```')[1] and not broken_code('```json\n{"a": 1}\n```')[1]
    assert refusal("Como uma IA, não opino.") and refusal("You can't beat it.") is None


@pytest.mark.parametrize(
    "answer",
    [
        "(" * 100_000,
        "1+" * 50_000 + "1 = 3",
        "<<" + "(" * 100 + "=3>>",
        "```python\n" + "(" * 5_000 + "\n```",
        "9" * 5_000 + " + 1 = 3",
        "3 + 4 = 7. " * 300_000,
        "\x00\ud800",
        "```python\n\x00\n```",
    ],
)
def test_nothing_that_is_answered_breaks_it_or_takes_long(answer: str) -> None:
    started = time.process_time()
    assert 0 <= assess(EGGS, answer).score <= 100
    assert time.process_time() - started < 1.0


def test_lines_are_scored_in_order() -> None:
    lines = [{"id": "a", "prompt": EGGS, "answer": RIGHT}, {"id": "b", "prompt": EGGS, "answer": ""}]
    scored = list(score_lines(lines))
    assert [one["id"] for one in scored] == ["a", "b"]
    assert scored[0]["score"] > scored[1]["score"]


def test_the_model_says_what_is_fitted_and_what_is_stated() -> None:
    model = json.loads(MODEL.read_text())
    assert "no data" in model["about"]["stated"]
    assert model["about"]["figures"]["gsm8k"]["calibration_error"] <= 0.10
    assert all(weight <= 0 for weight, _neutral in model["problem"].values())
