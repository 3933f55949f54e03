"""What the score of hallucination makes of a routed answer: which texts it is held against, and what that costs in time."""

from __future__ import annotations

import asyncio
import time

from apps.providers.contract import ChatRequest, Completion, Message, Usage
from apps.tasks.engine.routing.types import RoutedPrompt
from apps.tasks.engine.routing.weighing import Weighed, findings_of, parted, sources_of, weigh_answer
from apps.tasks.engine.types import ModelRef

BY = ModelRef("m", "p", "m", "m", "m")
REPORT = (
    "The harbour of Setúbal was widened between 1919 and 1923 by the engineer Adolfo Loureiro. Ships from twelve countries "
    "called there every month, and most of them carried salt, cork and tinned fish. In 1931 the canneries employed four "
    "thousand people. The old quay was closed to traffic in 1987 and is now a promenade with a museum. The "
    "museum was opened in 1991 and shows boats, nets and the machines of three canneries. Its director is Helena Matos, who "
    "worked in the harbour office for nineteen years. The ferry to Tróia leaves from a new landing some two hundred metres "
    "to the east of the old quay. "
)
FAITHFUL = "The harbour was widened between 1919 and 1923 by Adolfo Loureiro, and the old quay was closed to traffic in 1987."
INVENTED = "The harbour was widened between 1954 and 1961 by Carlos Ramos, and the old quay was closed to traffic in 1912."


def prompt(text: str, *before: Message, **more: object) -> RoutedPrompt:
    messages = (*before, Message("user", text))
    return RoutedPrompt("id", ChatRequest("", messages), text, **more)  # type: ignore[arg-type]


def weighed(asked: RoutedPrompt, answer: str) -> Weighed:
    return asyncio.run(weigh_answer(asked, BY, Completion(answer, "stop", Usage(1, 1), "m")))


def signals(found: Weighed) -> dict[str, float]:
    return {signal.name: signal.value for signal in found.trust.signals}


def test_an_answer_that_goes_against_the_document_is_trusted_less() -> None:
    for asked in (
        prompt("When was the harbour widened, and by whom?", sources=(REPORT,)),
        prompt(f"{REPORT}\n\nWhen was the harbour widened, and by whom?"),
        prompt("Summarise the report.", Message("system", REPORT)),
    ):
        good, bad = weighed(asked, FAITHFUL), weighed(asked, INVENTED)
        assert good.findings.is_bound and bad.findings.is_bound
        assert "hallucination" not in signals(good)
        assert signals(bad)["hallucination"] > 0.85
        assert bad.trust.score < good.trust.score - 30


def test_a_text_that_may_add_to_what_was_given_is_not_held_against_it() -> None:
    invitation = (
        "Dear friends, here is a friendly invitation to the opening: come on 12 May at six, with music, wine and sardines!"
    )
    found = weighed(prompt("Write a friendly invitation to the opening.", Message("system", REPORT)), invitation)
    assert not found.findings.is_bound and "hallucination" not in signals(found)
    assert "sources" in (found.findings.assessment.missing if found.findings.assessment else ())


def test_answers_given_before_to_the_same_question_count_as_samples() -> None:
    others = tuple(f"{FAITHFUL} {number}" for number in range(4))
    found = weighed(prompt("Tell me of the harbour of Setúbal.", samples=others), INVENTED)
    assert found.findings.assessment is not None and "samples" not in found.findings.assessment.missing
    assert "samples_agree" in signals(found)


def test_the_question_is_told_from_the_text_it_brings_along() -> None:
    assert parted("How many?") == ("How many?", "")
    assert parted(f"{REPORT}\n\nWhen was that?") == ("When was that?", REPORT.strip())
    assert parted(f"When was that?\n\n{REPORT}") == ("When was that?", REPORT.strip())
    assert parted(REPORT) == (REPORT, "")


def test_earlier_documents_and_results_of_tools_are_sources_too() -> None:
    asked = prompt(
        "And when?", Message("user", f"{REPORT}\n\nWho?"), Message("assistant", REPORT * 2), Message("tool", REPORT * 3)
    )
    assert sources_of(asked, "") == (REPORT.strip(), REPORT * 3)


def test_texts_of_any_length_take_bounded_time_and_are_told_to_be_partial() -> None:
    long = prompt("Summarise the report.", sources=(REPORT * 1_000,))
    began = time.thread_time()
    found = findings_of(long, BY, Completion(FAITHFUL * 8_000, "stop", Usage(1, 1), "m"))
    assert time.thread_time() - began < 3
    assert found.assessment is not None and found.assessment.is_partial


def test_a_short_exact_answer_is_not_held_against_anything() -> None:
    assert weighed(prompt("What is 7 + 8?"), "15").findings.items == ()
