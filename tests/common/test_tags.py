"""Numbers, times and pictures as pages show them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from apps.common.pictures import ICONS, icon_svg
from apps.common.status import LOOKS
from apps.common.templatetags import orq

NBSP = "\u00a0"


def shown(template: str, **context) -> str:
    return Template(template).render(Context(context))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Decimal("0.01320000"), "US$ 0.0132"),
        (Decimal("0"), "US$ 0.00"),
        (Decimal("12.5"), "US$ 12.50"),
        (Decimal("1234.567"), "US$ 1,234.57"),
        (Decimal("0.00001234"), "US$ 0.000012"),
        (Decimal("0.00000001"), "US$ 0.00000001"),
        ("0.5", "US$ 0.5000"),
        (None, "cost unknown"),
        ("", "cost unknown"),
    ],
)
def test_a_cost_is_never_rounded_to_zero_and_an_unknown_one_says_so(value, words):
    assert orq.cost(value) == words


def test_costs_follow_the_language():
    with translation.override("pt-br"):
        assert orq.cost(Decimal("0.0132")) == "US$ 0,0132"
        assert orq.cost(Decimal("1234.5")) == "US$ 1.234,50"


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "unknown"), (Decimal("0.250000"), "US$ 0.25"), (Decimal("14"), "US$ 14.00"), (Decimal("0.0125"), "US$ 0.0125")],
)
def test_a_price_shows_what_it_is_without_padding(value, words):
    assert orq.price(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (94, f"94{NBSP}%"),
        (Decimal("6.4"), f"6{NBSP}%"),
        (99.6, f"99.6{NBSP}%"),
        (0.3, f"0.3{NBSP}%"),
        (0, f"0{NBSP}%"),
        (None, "–"),
    ],
)
def test_a_percentage_is_not_rounded_to_all_or_nothing(value, words):
    assert orq.percent(value) == words


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"),
        (840, "840 ms"),
        (3240, "3.2 s"),
        (125_000, "2 min 05 s"),
        (59_990, "60.0 s"),
        (4_320_000, "1 h 12 min"),
        (273_600_000, "3 d 04 h"),
        (None, "–"),
    ],
)
def test_a_duration_has_the_unit_that_fits(ms, words):
    assert orq.duration(ms).replace(NBSP, " ") == words


def test_counts_and_sizes_are_short():
    assert orq.tokens(1) == "1 token"
    assert orq.tokens(9500) == "9,500 tokens"
    assert orq.tokens(12_400).replace(NBSP, " ") == "12.4 k tokens"
    assert orq.short_count(128_000).replace(NBSP, " ") == "128 k"
    assert orq.short_count(1_048_576).replace(NBSP, " ") == "1 M"
    assert orq.filesize(4_700_000_000).replace(NBSP, " ") == "4.7 GB"
    assert orq.tokens(None) == orq.short_count(None) == orq.filesize(None) == "–"


def test_a_time_is_relative_with_the_exact_moment_beside_it():
    moment = timezone.now() - timedelta(minutes=3)
    html = orq.ago(moment)
    assert "3 minutes ago" in html and f'datetime="{moment.isoformat()}"' in html and "title=" in html
    assert orq.ago(None) == "never"
    assert "in 2 hours" in orq.ago(timezone.now() + timedelta(hours=2))
    assert "1 hour ago" in orq.ago((timezone.now() - timedelta(hours=1)).isoformat())


def test_a_time_is_told_in_portuguese():
    with translation.override("pt-br"):
        assert "há 3 minutos" in orq.ago(timezone.now() - timedelta(minutes=3))


def test_every_icon_that_has_a_name_can_be_drawn_in_both_sizes():
    for name in ICONS:
        assert "<svg" in icon_svg(name, size=16) and "<svg" in icon_svg(name, size=20)


def test_an_icon_is_silent_unless_it_has_a_label():
    assert 'aria-hidden="true"' in icon_svg("bell")
    assert 'role="img"' in icon_svg("bell", label="News") and 'aria-label="News"' in icon_svg("bell", label="News")


def test_a_status_is_a_word_an_icon_and_a_colour():
    for status, look in LOOKS.items():
        html = orq.status_badge(status)
        assert str(look.word) in html and "<svg" in html and f"badge-{look.tone}" in html


def test_a_status_nobody_knows_is_shown_by_its_name_and_escaped():
    assert "&lt;b&gt;" in orq.status_badge("<b>")


def test_an_empty_seat_says_that_nobody_checked():
    html = shown("{% seat 'validator' %}")
    assert "seat-empty" in html and "not cross-checked" in html and "Checker" in html


def test_a_seat_names_role_model_and_provider():
    html = shown("{% seat 'executor' model %}", model={"provider": "openai", "model": "gpt-5-mini"})
    assert "Author" in html and "gpt-5-mini" in html and "openai" in html


def test_the_meter_says_on_which_side_of_the_threshold_it_is():
    assert "in agreement" in shown("{% divergence_meter 6 20 %}")
    assert "disputed" in shown("{% divergence_meter 46 20 %}")
    assert "not measured" in shown("{% divergence_meter None 20 %}")


def test_the_meter_is_drawn_with_points_in_every_language():
    with translation.override("pt-br"):
        assert 'width="6.5"' in shown("{% divergence_meter value 20 %}", value=Decimal("6.5"))


def test_the_ring_says_when_confidence_is_not_known():
    assert "?" in shown("{% confidence_ring None %}") and "Confidence not known" in shown("{% confidence_ring None %}")
    assert 'stroke-dasharray="94.0 100"' in shown("{% confidence_ring 94 %}")
    assert "ring-low" in shown("{% confidence_ring 60 %}")
