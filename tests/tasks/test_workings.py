"""How a step's figures came about, as its page shows it, and what became of a suspect answer."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.actor import Actor
from apps.tasks import selectors
from apps.tasks.models import Step, Task
from apps.tasks.workings import Working, changes, marked, workings_of
from tests.tasks import scenes
from tests.tasks.recovered import BETTER, SUSPECT, recovered


def working_of(task: Task) -> Working:
    (working,) = workings_of(selectors.task_detail(task), selectors.task_trace(task, with_texts=False)).values()
    return working


def page(browser: Client, task: Task) -> str:
    answer = browser.get(reverse("tasks:detail", args=[task.public_id]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_parts_of_the_confidence_make_its_sum(actor: Actor, cast: scenes.Cast) -> None:
    working = working_of(recovered(actor, cast))
    assert working.confidence_total == pytest.approx(sum(row.value for row in working.confidence), abs=0.02)


def test_the_parts_of_the_score_make_its_sum(actor: Actor, cast: scenes.Cast) -> None:
    working = working_of(recovered(actor, cast))
    assert working.invented == pytest.approx(working.base + sum(row.value for row in working.factors), abs=0.3)


def test_the_part_that_decided_the_divergence_is_named(actor: Actor, cast: scenes.Cast) -> None:
    (decisive,) = [row for row in working_of(recovered(actor, cast)).divergence if row.is_decisive]
    assert decisive.value == 6


def test_every_attempt_is_shown_with_what_was_held_against_it(actor: Actor, cast: scenes.Cast) -> None:
    first, second = working_of(recovered(actor, cast)).attempts
    assert (first.author, first.against, first.is_standing) == ("Ann", "it says the same again and again", False)
    assert (second.author, second.against, second.is_standing) == ("Cyd", "", True)
    assert "The drive stands in the back room" in first.found[0][1]


def test_an_earlier_attempt_that_stands_in_the_end_is_the_one_that_is_explained(actor: Actor, cast: scenes.Cast) -> None:
    worse = "The same again and again. " * 30
    working = working_of(recovered(actor, cast, {"ann": SUSPECT, "bob": worse, "cyd": worse, "dee": worse}))
    assert [attempt.number for attempt in working.attempts if attempt.is_standing] == [1]
    assert "".join(piece.text for piece in working.marked) == SUSPECT


def test_the_page_shows_what_changed_and_lets_nothing_run(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    html = page(browser, recovered(actor, cast))
    assert "How these numbers came about" in html
    assert "<ins>" in html and "<del>" in html
    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert 'href="?tab=result#working-1"' in html


def test_the_spans_are_marked_in_the_text(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    html = page(browser, recovered(actor, cast, dict.fromkeys(("ann", "bob", "cyd", "dee"), SUSPECT)))
    assert '<mark title="said again' in html
    assert "<script>alert(1)" not in html


def test_what_an_older_version_stored_has_a_page_too(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = recovered(actor, cast)
    Step.objects.filter(key__endswith="/compare").delete()
    for step in Step.objects.filter(stage__in=("inspect", "conclude")):
        kept = {"items": []} if step.stage == "inspect" else {k: v for k, v in step.result.items() if k != "confidence_parts"}
        Step.objects.filter(pk=step.pk).update(result=kept)
    assert "What was tried" in page(browser, task)


# ── texts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_marked_pieces_are_the_text() -> None:
    pieces = marked("One two three four", [(4, 7, "a"), (4, 13, "b"), (90, 99, "c")])
    assert [(piece.text, piece.why) for piece in pieces] == [("One ", ""), ("two", "a, b"), (" three", "b"), (" four", "")]
    assert marked("One two", []) == ()


def test_changes_are_by_words_and_give_both_texts_back() -> None:
    pieces = changes(SUSPECT, BETTER)
    assert "".join(piece.text for piece in pieces if piece.kind != "added") == SUSPECT
    assert "".join(piece.text for piece in pieces if piece.kind != "removed") == BETTER
    assert changes("a " * 30_000, "b") == ()
