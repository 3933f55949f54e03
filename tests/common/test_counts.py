"""Counts are written as the reader's language writes them."""

from __future__ import annotations

import pytest
from django.utils import translation

from apps.common.bulk import MOST, must_not_exceed
from apps.common.errors import BadInput
from apps.common.listing import at_most


@pytest.mark.parametrize(
    ("language", "few", "many", "limit"), [("en", "999", "1,000+", "10,000"), ("pt-br", "999", "1.000+", "10.000")]
)
def test_a_count_and_a_limit_follow_the_language(language: str, few: str, many: str, limit: str) -> None:
    with translation.override(language):
        assert (at_most(999), at_most(1_001)) == (few, many)
        with pytest.raises(BadInput, match=limit):
            must_not_exceed(MOST + 1)
