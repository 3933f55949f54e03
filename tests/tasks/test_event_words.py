"""Names of the log's events."""

from __future__ import annotations

from apps.tasks.event_words import LABELS, event_label
from apps.tasks.messages import EVENTS


def test_it_has_a_name_for_each_event_that_the_log_knows():
    assert set(LABELS) == set(EVENTS)


def test_an_event_that_is_not_known_is_shown_as_words():
    assert event_label("came_from_elsewhere") == "Came from elsewhere"
