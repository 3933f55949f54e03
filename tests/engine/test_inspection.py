"""What counts against a draft, and what does not although a detector moved."""

from __future__ import annotations

import pytest

from apps.tasks.engine.confidence import CHECKS_TAKE_AT_MOST, confidence_of
from apps.tasks.engine.inspection import inspect
from apps.tasks.engine.types import ConfidencePart, Draft, Finding, Findings, PlannedSubtask
from tests.engine.fakes import model, scene
from tests.engine.test_conclude import AGREED, an_outcome, check_of

PRICES = (
    "The three options are an external disk, a cloud service and a network drive. The disk costs 80 euros once. "
    "The cloud costs 5 euros a month. The network drive costs 300 euros once."
)
MAIL = (
    "Dear Maria,\n\nthank you for your patience. After looking at three ways to store your photos, we suggest the network drive: "
    "you pay 300 euros once and nothing more. Shall we order it on Monday?\n\nKind regards\nPaul"
)
HONEST = {
    "a practice answer": ("add 6 and 7", "13"),
    "an exact answer": ("What is 7 + 8?", "15"),
    "a name": ("What is the capital of France?", "Paris"),
    "words": ("repeat: login cache", "login cache"),
    "an e-mail that adds to what it builds on": ("Write a friendly e-mail to the owner with the recommendation.", MAIL),
    "a translation": (
        "Translate into Portuguese: The house by the river is blue and has a small red door.",
        "A casa à beira do rio é azul e tem uma pequena porta vermelha, e as crianças brincam no jardim todas as tardes.",
    ),
    "an answer in the reader's language": (
        "Explain to our Brazilian customers what the weather is like in that month.",
        "Em julho o tempo é seco e as noites são frias; de dia o sol aparece quase sempre e quase não chove.",
    ),
    "a story": (
        "Write a short story about a dragon who is afraid of fire.",
        "Once there was a small dragon called Ember. Every time she sneezed a flame came out, and she hid under her bed until "
        "the smoke was gone. One winter night the village lay under deep snow, and an old woman knocked at her cave.",
    ),
    "a faithful summary": (
        "Summarise the options in one sentence.",
        "There are three ways: a disk for 80 euros, a cloud at 5 euros each month, and a network drive for 300 euros.",
    ),
    "Portuguese": (
        "Explique por que o céu é azul.",
        "As moléculas do ar espalham a luz azul do céu muito mais do que a vermelha. Por isso o céu que vemos é azul.",
    ),
}


async def found_in(question: str, text: str, *, inputs: tuple[str, ...] = (PRICES,), **draft) -> Findings:
    context = await scene().begin()
    given = {order: an_outcome(words) for order, words in enumerate(inputs, 1)}
    return inspect(
        PlannedSubtask(order=9, title="Step", description=question), given, Draft(text, model("ann"), **draft), context
    )


@pytest.mark.parametrize("name", HONEST)
async def test_honest_work_is_not_suspect(name: str) -> None:
    assert (await found_in(*HONEST[name])).worst < 75


async def test_a_summary_with_other_numbers_is_suspect() -> None:
    text = "There are three ways: a disk for 60 euros, a cloud at 9 euros each month, and a network drive for 450 euros."
    found = await found_in("Summarise the options in one sentence.", text)
    assert found.is_bound
    assert found.worst >= 75


async def test_only_a_step_that_must_keep_to_its_sources_is_held_against_them() -> None:
    assert not (await found_in("Write a friendly e-mail with the recommendation.", MAIL)).is_bound
    assert (await found_in("Resuma as opções.", MAIL)).is_bound


async def test_another_topic_takes_off_and_is_not_enough_to_be_suspect() -> None:
    text = "Bananas grow in bunches on tall plants. Most of them are sold in supermarkets across the whole of Europe."
    (finding,) = (await found_in("Explain why the sky is blue.", text)).items
    assert finding.kind == "scope"
    assert 0 < finding.score < 75


async def test_dates_that_cannot_be_are_pointed_at() -> None:
    text = "Ana Souza was born in 1950 in Recife, studied law there, and died in 1931 after a long life as a judge in Olinda."
    found = await found_in("Who was Ana Souza?", text)
    (finding,) = found.items
    assert (finding.kind, finding.score < 75) == ("temporal", True)
    assert all("19" in text[span.start : span.end] for span in finding.spans)


async def test_an_answer_that_stood_still_is_noted() -> None:
    assert (await found_in("Say it.", "It is so.", longest_pause_s=90)).items == (Finding("stall", 60.0),)
    assert (await found_in("Say it.", "It is so.", longest_pause_s=12)).items == ()


async def test_the_parts_of_every_detector_are_kept() -> None:
    found = await found_in("Explain why the sky is blue.", HONEST["a story"][1])
    assessment = found.assessment
    assert assessment is not None
    total = assessment.base + sum(factor.contribution for factor in assessment.factors)
    assert total == pytest.approx(assessment.score, abs=0.2)


# ── what it does to the confidence ────────────────────────────────────────────────────────────────────────────────


async def test_a_sum_that_is_wrong_takes_off() -> None:
    found = await found_in("What is 12 times 3? Explain.", "12 * 3 = 35, so the answer is 35.")
    assert [signal.name for signal in found.signals] == ["wrong_sums"]
    confidence = confidence_of(found, check_of(0), AGREED, is_replaced=False)
    assert [part.name for part in confidence.parts] == ["agreed", "wrong_sums"]
    assert confidence.value == 100 - CHECKS_TAKE_AT_MOST


def test_the_parts_make_the_sum() -> None:
    found = Findings((Finding("scope", 60),), signals=(ConfidencePart("hedges", -4.0), ConfidencePart("wrong_sums", -28.0)))
    confidence = confidence_of(found, check_of(10), AGREED, is_replaced=False)
    assert confidence.value == pytest.approx(sum(part.points for part in confidence.parts)) == 95 - 24 - 15
