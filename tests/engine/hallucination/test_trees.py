"""Trees tell what each measure did, and their parts add up to what they say."""

from __future__ import annotations

import math

import pytest

from apps.tasks.engine.hallucination.trees import BoostedTree, Forest, RandomTree

SPLIT = RandomTree(
    feature=[0, -1, 1, -1, -1], threshold=[0.5, 0, 2.0, 0, 0], right=[2, 0, 4, 0, 0], value=[0.5, 0.2, 0.7, 0.6, 0.9]
)


def chance(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


@pytest.mark.parametrize(
    ("values", "expected"), [([0.0, 0.0], 0.2), ([1.0, 0.0], 0.6), ([1.0, 3.0], 0.9), ([math.nan, 3.0], 0.2)]
)
def test_a_forest_says_the_mean_of_its_leaves_and_its_parts_add_up(values: list[float], expected: float) -> None:
    base, parts = Forest((SPLIT, SPLIT)).parts(values)
    assert chance(base) == pytest.approx(0.5)
    assert chance(base + sum(parts)) == pytest.approx(expected)


def test_trees_that_disagree_are_averaged() -> None:
    against = RandomTree(feature=[0, -1, -1], threshold=[0.5, 0, 0], right=[2, 0, 0], value=[0.5, 0.8, 0.2])
    base, parts = Forest((SPLIT, against)).parts([0.0, 0.0])
    assert chance(base + sum(parts)) == pytest.approx(0.5)


def test_a_boosted_tree_sends_what_is_not_known_where_it_learned_to() -> None:
    tree = BoostedTree([0, -1, -1], [0.5, 0, 0], [1, 0, 0], [2, 0, 0], [0, 0, 0], [0.1, -1.0, 1.0])
    parts = [0.0]
    tree.add_to(parts, [math.nan])
    assert parts == [pytest.approx(0.9)]
