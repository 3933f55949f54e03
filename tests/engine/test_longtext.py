"""Cutting a long text into parts: nothing is lost, no part is too large, borders are where they hurt least."""

from __future__ import annotations

import itertools
import random

import pytest

from apps.tasks.engine.longtext import estimate_tokens, spans, split

PROSE = "\n\n".join(f"Paragraph {n} begins here. It has a second sentence, which is longer. And a third one." for n in range(60))


def test_a_text_that_fits_is_one_part_and_an_empty_one_is_none():
    assert split("short", part_tokens=10) == ["short"]
    assert split("", part_tokens=10) == []


def test_an_estimate_counts_bytes_so_that_other_scripts_are_not_taken_for_short():
    assert estimate_tokens("") == 0
    assert estimate_tokens("abcdef") == 2
    assert estimate_tokens("漢字漢字") == 4
    assert estimate_tokens("😀") == 2


def test_parts_end_between_paragraphs_where_they_can():
    for part in split(PROSE, part_tokens=120):
        assert part.startswith("Paragraph") and part.rstrip().endswith("third one.")


def test_a_long_paragraph_is_cut_between_sentences_and_a_long_sentence_between_words():
    sentences = " ".join(f"Sentence number {n} is here." for n in range(100))
    assert all(part.rstrip().endswith(".") for part in split(sentences, part_tokens=50))
    words = " ".join(f"word{n}" for n in range(500))
    assert all(not part.strip().startswith("ord") and part.split()[0].startswith("word") for part in split(words, part_tokens=20))


def test_a_run_without_borders_is_cut_between_characters():
    parts = split("漢" * 1000, part_tokens=64)
    assert "".join(parts) == "漢" * 1000 and len(parts) > 10


def test_parts_overlap_by_whole_sentences_and_no_more_than_asked():
    places = spans(PROSE, part_tokens=120, overlap_tokens=30)
    overlaps = [end - start for (_, end), (start, _) in itertools.pairwise(places)]
    assert all(0 < overlap <= 30 * 3 for overlap in overlaps)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_text_nothing_is_left_out_and_no_part_is_too_large(seed):
    chance = random.Random(seed)
    alphabet = chance.choice(["ab .\n", "aé漢😀 .\n", "x", "word. \n\n", "。漢\n"])
    text = "".join(chance.choice(alphabet) for _ in range(chance.randint(1, 3000)))
    tokens = chance.randint(2, 300)
    places = spans(text, part_tokens=tokens, overlap_tokens=chance.randint(0, tokens))
    assert places[0][0] == 0 and places[-1][1] == len(text)
    for (first, end), (start, last) in itertools.pairwise(places):
        assert first < start <= end < last, "each part goes on where the one before ended, or before that"
    assert all(estimate_tokens(text[start:end]) <= tokens for start, end in places)


def test_no_room_at_all_is_an_error_and_no_endless_loop():
    with pytest.raises(ValueError, match="room"):
        split("x", part_tokens=0)
