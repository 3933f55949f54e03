"""Against numbers worked out by hand or printed in tables."""

from __future__ import annotations

import pytest

from apps.tasks.engine.routing.significance import (
    compare_means,
    compare_shares,
    sample_for_means,
    sample_for_shares,
    t_beyond,
    t_two_sided,
)


def test_it_compares_two_shares() -> None:
    # 45 and 60 of 100: pooled 0.525, standard error √(0.525 · 0.475 · 0.02) = 0.070622, z = 2.1240, p = 0.0337
    found = compare_shares(45, 100, 60, 100)
    assert found.difference == pytest.approx(0.15)
    assert found.p == pytest.approx(0.03367, abs=1e-4)
    # interval: √(0.45 · 0.55 / 100 + 0.6 · 0.4 / 100) = 0.069821, times 1.95996 = 0.136847
    assert (found.low, found.high) == (pytest.approx(0.013153, abs=1e-5), pytest.approx(0.286847, abs=1e-5))
    assert found.is_significant


def test_equal_shares_are_no_finding() -> None:
    found = compare_shares(50, 100, 50, 100)
    assert (found.p, found.is_significant) == (pytest.approx(1), False)
    assert compare_shares(10, 10, 10, 10).p == 1


def test_it_compares_two_means_of_unequal_spread() -> None:
    # means 3 and 6; variances 2.5 and 10 over 5 each: error √(0.5 + 2) = 1.581139, t = 1.897367,
    # freedom 2.5² / (0.5² / 4 + 2² / 4) = 5.882353
    found = compare_means([1, 2, 3, 4, 5], [2, 4, 6, 8, 10])
    assert found.difference == 3
    assert found.p == pytest.approx(0.10753, abs=1e-4)  # R: t.test(1:5, 2*(1:5))
    assert (found.low, found.high) == (pytest.approx(-0.8876, abs=1e-3), pytest.approx(6.8876, abs=1e-3))
    assert not found.is_significant


def test_values_that_do_not_spread_differ_or_not() -> None:
    assert compare_means([2.0, 2.0], [2.0, 2.0]).p == 1
    assert compare_means([2.0, 2.0], [3.0, 3.0]).p == 0


@pytest.mark.parametrize(("freedom", "t"), [(1, 12.7062), (4, 2.77645), (10, 2.22814), (30, 2.04227), (1000, 1.96234)])
def test_it_knows_the_table_of_t(freedom: float, t: float) -> None:
    assert t_beyond(0.05, freedom) == pytest.approx(t, abs=5e-5)
    assert t_two_sided(t, freedom) == pytest.approx(0.05, abs=1e-5)


def test_it_says_how_many_it_takes_to_see_a_difference() -> None:
    # (1.959964 · √(2 · 0.55 · 0.45) + 0.841621 · √(0.5 · 0.5 + 0.6 · 0.4))² / 0.1² = 387.3
    assert sample_for_shares(0.5, 0.1) == 388
    # 2 · (1.959964 + 0.841621)² · 10² / 5² = 62.79
    assert sample_for_means(10, 5) == 63
    assert sample_for_shares(0.95, 0.1) == 141  # down to 0.85, for there is no 1.05


@pytest.mark.parametrize("effect", [0, -1])
def test_no_number_of_prompts_shows_no_difference(effect: float) -> None:
    with pytest.raises(ValueError):
        sample_for_shares(0.5, effect)
    with pytest.raises(ValueError):
        sample_for_means(1, effect)
