"""The benchmark of the score of hallucination: how it counts, and the wrong answers that it makes."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest

from scripts.bench import _made
from scripts.bench._curves import always_yes_f1, auroc, auroc_interval, best_f1, calibration_error, found_at
from scripts.bench.hallucination import _of_data, _say_counts_from

TEXT = (
    "The harbour of Setúbal was widened in 1923. Ships from twelve countries called there every month. "
    "Most of them carried salt, cork and tinned fish. The old quay is now a promenade with a small museum."
)


def test_a_score_that_parts_wrong_from_right_has_an_auroc_of_one_and_ties_count_half() -> None:
    assert auroc([0, 0, 1, 1], [1, 2, 3, 4]) == 1.0
    assert auroc([0, 1], [5, 5]) == 0.5
    assert auroc([0, 1, 0, 1], [1, 2, 3, 4]) == 0.75
    assert auroc([1, 1], [1, 2]) is None


def test_intervals_draw_whole_groups_and_are_the_same_each_time() -> None:
    rng = random.Random(1)
    labels = [rng.randrange(2) for _ in range(200)]
    scores = [label + rng.gauss(0, 1) for label in labels]
    groups = [str(place // 4) for place in range(200)]
    found = auroc_interval(labels, scores, groups)
    assert found == auroc_interval(labels, scores, groups)
    value = auroc(labels, scores)
    assert found is not None and value is not None and found[0] < value < found[1]


def test_f1_is_beside_calling_every_answer_wrong() -> None:
    assert best_f1([1, 0, 0, 0], [9, 1, 1, 1]) == 1.0
    assert best_f1([1, 0, 0, 0], [1, 1, 1, 1]) == always_yes_f1([1, 0, 0, 0]) == pytest.approx(0.4)


def test_what_is_found_counts_only_above_the_threshold_of_false_alarms() -> None:
    labels, scores = [0] * 100 + [1] * 4, [*range(100), 97, 98, 99, 100]
    assert found_at(labels, scores, false_alarms=0.02) == 0.75  # 98, 99 and 100 are above 97


def test_every_task_counts_the_same_in_the_calibration_error() -> None:
    assert calibration_error([1, 0], [1.0, 0.0], ["a", "a"]) == 0.0
    assert calibration_error([1] * 9 + [0], [1.0] * 10, ["long"] * 9 + ["short"]) == pytest.approx(0.5)


def test_loops_of_every_kind_begin_with_or_hold_the_text_and_are_the_same_each_time() -> None:
    made = _made.loops(TEXT, random.Random(3))
    assert made == _made.loops(TEXT, random.Random(3))
    assert len(set(made.values())) == len(made) == 12
    assert all(len(text) > len(TEXT) for text in made.values())


def test_each_answer_goes_under_the_nearest_question_that_is_not_its_own() -> None:
    pairs = [
        _made.Pair("Who painted the ceiling of the chapel?", "Michelangelo did."),
        _made.Pair("Who painted the walls of the chapel?", "Others did."),
        _made.Pair("How many moons has Mars?", "Two."),
        _made.Pair("How many moons has Jupiter?", "Many."),
    ]
    nearest = [pair.question for pair in _made.to_the_nearest_question(pairs)]
    assert nearest == [pairs[place].question for place in (1, 0, 3, 2)]


def test_a_table_has_a_line_for_each_task_with_length_and_always_yes_beside(tmp_path: Path) -> None:
    rows = [
        {"id": f"{n}", "task": "summedits_news", "dataset": "summedits", "group": f"{n // 2}", "context": "", "question": "",
         "answer": "word " * (n + 1), "label": n % 2} for n in range(10)
    ]  # fmt: skip
    (tmp_path / "some_dev.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    read = _made.read_rows(tmp_path)
    [line] = _of_data(read, {row["id"]: float(row["label"]) for row in read})
    assert line[:4] == ("summedits", "10", "50%", "1.000 (1.000-1.000)")
    assert line[4] == "0.600" and line[6] == "0.667"


def test_a_folder_without_data_is_told() -> None:
    with pytest.raises(SystemExit, match="holds no"):
        _made.read_rows(Path(__file__).parent)


def test_the_score_that_four_in_five_right_answers_stay_below_is_told_for_each_large_enough_set(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [
        {"id": f"{name}{n}", "dataset": name, "context": "A text.", "label": int(n >= right)}
        for name, right in (("large", 100), ("small", 5))
        for n in range(110)
    ]
    _say_counts_from(rows, {row["id"]: float(row["id"][5:]) for row in rows})
    assert json.loads(capsys.readouterr().out) == {"four_in_five_right_below": {"large": 80.0}}


def test_ordinary_texts_are_right_answers_and_sources_alone() -> None:
    rows = [{"answer": f"{TEXT} {TEXT} Right.", "context": "", "label": 0}, {"answer": f"{TEXT} {TEXT} Wrong.", "label": 1}]
    assert [text[-6:] for text in _made.ordinary_texts(rows, 5)] == ["Right."]
