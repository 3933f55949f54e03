"""Contrast of every pair of colours that the pages put together, computed from the token file (WCAG 2.2)."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).resolve().parents[2] / "static" / "css" / "tokens.css"
PAIR = re.compile(r"--([a-z0-9-]+): light-dark\(oklch\(([^)/]+)\), oklch\(([^)/]+)\)\);")

GROUNDS = ("ground", "surface", "sunken", "raised", "hover")
TEXTS = ("ink", "ink-2", "ink-3", "accent", "author", "checker", "judge", "planner", "ok", "warn", "bad")
ON_THEIR_SOFT = ("author", "checker", "judge", "planner", "ok", "warn", "bad")
ON_FILLS = (
    ("on-accent", "accent-fill"),
    ("on-accent", "accent-fill-hover"),
    ("on-accent", "bad-fill"),
    ("on-accent", "bad-fill-hover"),
)
MARKS = ("author-mark", "checker-mark", "judge-mark", "planner-mark", "ok-mark", "warn-mark", "bad-mark", "line-strong", "focus")
MARK_GROUNDS = ("ground", "surface", "raised")

TEXT_PAIRS = [
    *((text, ground) for text in TEXTS for ground in GROUNDS),
    *((text, f"{text}-soft") for text in ON_THEIR_SOFT),
    *((text, f"{tone}-soft") for text in ("ink", "ink-2") for tone in ON_THEIR_SOFT),
    ("accent", "selected"),
    ("ink", "selected"),
    ("ink-2", "selected"),
    *ON_FILLS,
]
MARK_PAIRS = [(mark, ground) for mark in MARKS for ground in MARK_GROUNDS]


def tokens(theme: int) -> dict[str, tuple[float, float, float]]:
    """Name → sRGB, linear light. `theme` 0 is light, 1 is dark."""
    found = {}
    for name, *pair in PAIR.findall(TOKENS.read_text(encoding="utf-8")):
        lightness, chroma, hue = (float(part) for part in [*pair[theme].split(), "0", "0"][:3])
        found[name] = linear_rgb(lightness, chroma, hue)
    return found


def linear_rgb(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """OKLCH to linear sRGB (CSS Color 4, section 10), clipped to the gamut as a screen does."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    cone_l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    cone_m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    cone_s = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * cone_l - 3.3077115913 * cone_m + 0.2309699292 * cone_s
    green = -1.2684380046 * cone_l + 2.6097574011 * cone_m - 0.3413193965 * cone_s
    blue = -0.0041960863 * cone_l - 0.7034186147 * cone_m + 1.7076147010 * cone_s
    return tuple(min(1.0, max(0.0, part)) for part in (red, green, blue))  # type: ignore[return-value]


def contrast(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    bright, dim = sorted((0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in (one, other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def test_white_on_black_is_21() -> None:
    assert round(contrast(linear_rgb(1, 0, 0), linear_rgb(0, 0, 0)), 1) == 21.0


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_is_readable_on_every_ground_it_stands_on(theme: int) -> None:
    colours = tokens(theme)
    poor = {pair: round(ratio, 2) for pair in TEXT_PAIRS if (ratio := contrast(colours[pair[0]], colours[pair[1]])) < 4.5}
    assert not poor


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_marks_and_borders_of_inputs_stand_out(theme: int) -> None:
    colours = tokens(theme)
    poor = {pair: round(ratio, 2) for pair in MARK_PAIRS if (ratio := contrast(colours[pair[0]], colours[pair[1]])) < 3}
    assert not poor


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_how_far_a_bar_is_filled_can_be_seen(theme: int) -> None:
    colours = tokens(theme)
    fills = ("author-mark", "ok-mark", "judge-mark", "bad-mark")
    poor = {fill: round(ratio, 2) for fill in fills if (ratio := contrast(colours[fill], colours["track"])) < 3}
    assert not poor


def test_no_colour_is_written_outside_the_tokens() -> None:
    folder = TOKENS.parent
    for name in ("base.css", "components.css", "pages.css"):
        css = re.sub(r'url\("data:[^"]*"\)', "", (folder / name).read_text(encoding="utf-8"))
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)|oklch\([\d.]|rgba?\(", css), name
