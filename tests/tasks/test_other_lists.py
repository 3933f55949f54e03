"""Lists of A/B tests, of benchmarks of validators, and of the audit log: found, paged, deleted once a word was typed."""

from __future__ import annotations

import csv

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.actor import Actor
from apps.tasks.models import ABTest, ValidatorRun
from apps.tasks.services.audit import audit_setting

pytestmark = pytest.mark.django_db


def ab_test(actor: Actor, name: str, **about: object) -> ABTest:
    about = {"strategy_a": "auto", "strategy_b": "cheapest", "status": "stopped", **about}
    return ABTest.objects.create(team=actor.team, owner=actor.user, name=name, **about)


def run(actor: Actor, *models: str, **about: object) -> ValidatorRun:
    asked = [{"id": "", "label": label} for label in models]
    return ValidatorRun.objects.create(team=actor.team, owner=actor.user, models_asked=asked, **{"status": "completed", **about})


def test_tests_are_found_over_pages(browser: Client, actor: Actor, stranger: Actor, django_assert_max_num_queries) -> None:
    for n in range(60):
        ab_test(actor, f"Cheaper {n:02}")
    ab_test(actor, "Faster", measure="latency", status="running")
    ab_test(stranger, "Theirs")
    url = reverse("tasks:ab_tests")
    browser.get(url)
    with django_assert_max_num_queries(11):
        first = browser.get(url + "?search=cheaper")
    second = browser.get(url + first.context["next"])
    names = [test["row"].name for page in (first, second) for test in page.context["tests"]]
    assert names == [f"Cheaper {n:02}" for n in reversed(range(60))]
    for query in ("?status=running", "?measure=latency"):
        assert [test["row"].name for test in browser.get(url + query).context["tests"]] == ["Faster"]


def test_tests_and_benchmarks_are_deleted_together_once_the_word_was_typed(
    browser: Client, actor: Actor, stranger: Actor
) -> None:
    made = {"ab_bulk": (ab_test, ABTest), "checking_runs_bulk": (run, ValidatorRun)}
    for name, (make, model) in made.items():
        mine, kept, foreign = make(actor, "One"), make(actor, "Two"), make(stranger, "Theirs")
        body = {"deed": "delete", "id": [str(mine.public_id), str(foreign.public_id)]}
        browser.post(reverse(f"tasks:{name}"), body)
        assert model.objects.count() == 3
        browser.post(reverse(f"tasks:{name}"), {**body, "typed": "Delete"})
        assert set(model.objects.all()) == {kept, foreign}


@pytest.mark.parametrize("name", ["ab_delete", "checking_delete"])
def test_what_cannot_be_undone_is_not_deleted_without_the_word(browser: Client, actor: Actor, name: str) -> None:
    row = ab_test(actor, "One") if name == "ab_delete" else run(actor, "One")
    said = browser.post(reverse(f"tasks:{name}", args=[row.public_id]), follow=True).content.decode()
    assert "was not typed" in said and type(row).objects.exists()


def test_benchmarks_of_checkers_are_found_by_their_models_ordered_and_exported(
    browser: Client, actor: Actor, django_assert_max_num_queries
) -> None:
    cheap, dear = run(actor, "tiny-1", cost_usd=1), run(actor, "big-2", "tiny-1", cost_usd=5, status="failed")
    url = reverse("tasks:checking_runs")
    browser.get(url)
    with django_assert_max_num_queries(11):
        assert [one["id"] for one in browser.get(url + "?order=dearest").context["runs"]] == [dear.public_id, cheap.public_id]
    for query in ("?search=big", "?status=failed"):
        assert [one["id"] for one in browser.get(url + query).context["runs"]] == [dear.public_id]
    said = b"".join(browser.get(reverse("tasks:checking_runs_export") + "?search=big&format=csv").streaming_content)
    (row,) = csv.DictReader(said.decode("utf-8-sig").splitlines())
    assert row["models"] == '["big-2", "tiny-1"]'


def test_the_audit_log_goes_forth_and_back_and_an_entry_opens_with_all_its_fields(
    browser: Client, actor: Actor, django_assert_max_num_queries
) -> None:
    for n in range(130):
        audit_setting(actor, f"made_up_{n}")
    url = reverse("tasks:audit")
    browser.get(url)
    with django_assert_max_num_queries(11):
        first = browser.get(url)
    second = browser.get(url + first.context["next"])
    numbers = [entry["number"] for page in (first, second) for entry in page.context["entries"]]
    assert numbers == list(range(130, 0, -1))
    again = browser.get(url + second.context["previous"])
    assert [entry["number"] for entry in again.context["entries"]] == numbers[:100]
    assert (
        first.context["entries"][0]["hash"] in first.context["entries"][0]["whole"] and "previous_hash" in first.content.decode()
    )
