"""The benchmark of the validator: what it plants, and how it counts."""

from __future__ import annotations

import pytest

from scripts.bench._planted import KINDS, Case, general_cases, practice_cases
from scripts.bench._rates import Rate
from scripts.bench.validator import Judged, tally


def cases() -> list[Case]:
    return [*practice_cases(60), *general_cases()]


def test_every_fault_is_beside_the_right_answer_and_differs_from_it() -> None:
    right = {case.key.rpartition("/")[0]: case.answer for case in cases() if case.is_right}
    for case in cases():
        if not case.is_right:
            assert case.answer != right[case.key.rpartition("/")[0]], case.key
            assert case.answer.strip(), case.key


def test_every_kind_is_planted_in_both_languages() -> None:
    for language in ("en", "pt"):
        kinds = {case.kind for case in general_cases() if case.language == language}
        assert kinds == {"", *KINDS}


def test_the_cases_are_the_same_each_time_and_each_has_its_own_key() -> None:
    assert cases() == cases()
    assert len({case.key for case in cases()}) == len(cases())


def test_practice_questions_were_never_trained_on() -> None:
    from scripts.train_practice.questions import is_held_out

    assert all(is_held_out(case.question) for case in practice_cases(60))


@pytest.mark.parametrize(
    ("times", "trials", "interval"), [(0, 10, (0, 0.2775)), (10, 10, (0.7225, 1)), (5, 10, (0.2366, 0.7634)), (81, 263, None)]
)
def test_intervals_are_wilsons(times: int, trials: int, interval: tuple[float, float] | None) -> None:
    found = Rate(times, trials).interval
    assert found is not None
    assert found == pytest.approx(interval or (0.2553, 0.3662), abs=0.0002)
    assert Rate(0, 0).interval is None and Rate(0, 0).words == "–"


def judged(kind: str, accepted: bool | None, settled: bool | None = None) -> Judged:
    case = Case(f"{kind}-{accepted}-{settled}", "en", "?", "!", kind=kind)
    return Judged(case, accepted, settled, wants_judge=accepted is False)


ALL = [
    judged("", True),
    judged("", False, settled=True),
    judged("unit", True),
    judged("unit", False, settled=False),
    judged("unit", False, settled=True),
    judged("unit", False, settled=None),
    judged("unit", None),
]


def test_a_fault_that_got_through_is_a_false_accept_and_a_refused_right_answer_a_false_reject() -> None:
    found = tally(ALL, with_judge=False)
    assert (found.rejects, found.all_accepts, found.without_verdict) == (Rate(1, 2), Rate(1, 4), 1)


def test_with_a_judge_what_was_disputed_is_as_the_judge_said() -> None:
    found = tally(ALL, with_judge=True)
    assert (found.rejects, found.accepts) == (Rate(0, 2), {"unit": Rate(2, 3)})
    assert found.without_verdict == 2


def test_the_practice_cases_that_ship_are_those_that_the_generator_makes() -> None:
    from apps.tasks.planted import practice_questions, shipped_practice_cases

    assert shipped_practice_cases(40) == shipped_practice_cases(100)[: len(shipped_practice_cases(40))]
    assert shipped_practice_cases(10_000) == practice_cases(practice_questions())
