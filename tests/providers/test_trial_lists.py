"""The lists of benchmarks and comparisons: found, ordered, paged, many deleted together and brought back, as a file."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.providers import services
from apps.providers.models import Benchmark, BenchmarkAnswer, Comparison, ComparisonAnswer
from tests.factories import benchmark_of, comparison_of, make_actor, signed_in

pytestmark = pytest.mark.django_db
COMPARE, ALL = "/models/compare/", "/models/benchmarks/"


def comparison(actor: Actor, prompt: str, cost: str | None = None, **about: object) -> Comparison:
    row = Comparison.objects.create(owner=actor.user, team=actor.team, prompt=prompt, **{"status": "completed", **about})
    money = None if cost is None else Decimal(cost)
    for position in (1, 2):
        ComparisonAnswer.objects.create(
            comparison=row, position=position, model_name=f"m{position}", provider_name="p", text="x" * 50, cost_usd=money
        )
    return row


def prompts(page: object) -> list[str]:
    return [one["prompt"] for one in page.context["history"]]  # type: ignore[attr-defined]


def test_comparisons_are_found_by_words_state_and_person_over_pages(actor: Actor, django_assert_max_num_queries) -> None:
    for n in range(30):
        comparison(actor, f"Write ode {n:02} to the sea")
    member = make_actor(Role.MEMBER, team=actor.team)
    comparison(member, "Count to ten", status="failed")
    comparison(make_actor(), "Write ode of strangers")
    browser = signed_in(actor)
    browser.get(COMPARE)
    with django_assert_max_num_queries(11):
        first = browser.get(COMPARE + "?search=sea+ode")
    second = browser.get(COMPARE + first.context["next"])
    assert [len(prompts(page)) for page in (first, second)] == [25, 5]
    assert len({*prompts(first), *prompts(second)}) == 30 and "strangers" not in str(prompts(second))
    assert prompts(browser.get(COMPARE + second.context["previous"])) == prompts(first)
    assert (
        prompts(browser.get(COMPARE + "?status=failed"))
        == prompts(signed_in(member).get(COMPARE + "?mine=1"))
        == ["Count to ten"]
    )
    assert "No comparison matches" in browser.get(COMPARE + "?search=desert").content.decode()


def test_comparisons_are_ordered_by_age_and_by_cost_also_where_it_is_unknown(actor: Actor) -> None:
    for prompt, cost in (("cheap", "0.01"), ("unknown", None), ("dear", "2"), ("middling", "0.5")):
        comparison(actor, prompt, cost)
    browser = signed_in(actor)
    assert prompts(browser.get(COMPARE + "?order=dearest")) == ["dear", "middling", "cheap", "unknown"]
    assert prompts(browser.get(COMPARE + "?order=oldest")) == ["cheap", "unknown", "dear", "middling"]
    assert prompts(browser.get(COMPARE + "?order=nonsense")) == ["middling", "dear", "unknown", "cheap"]


def test_benchmarks_of_all_models_are_ordered_by_how_much_was_right(actor: Actor, django_assert_max_num_queries) -> None:
    found = {}
    for right in (1, 4, 0, None):
        row = benchmark_of(actor)
        for n in range(0 if right is None else 4):
            BenchmarkAnswer.objects.create(benchmark=row, question=f"q{n}", round=1, status="done", is_correct=n < (right or 0))
        found[right] = row.public_id
    foreign, browser = benchmark_of(make_actor()), signed_in(actor)
    browser.get(ALL)
    with django_assert_max_num_queries(11):
        page = browser.get(ALL + "?order=right")
    assert [one["id"] for one in page.context["history"]] == [found[right] for right in (4, 1, 0, None)]
    assert foreign.public_id not in [one["id"] for one in page.context["history"]]
    model = Benchmark.objects.get(public_id=found[1]).model
    by_words = browser.get(ALL + "?search=" + model.key).context["history"]
    assert found[1] in [one["id"] for one in by_words]
    of_model = browser.get(f"/models/{model.public_id}/benchmark/").context["history"]
    assert [one["id"] for one in of_model] == [found[1]]


def test_ticked_comparisons_are_deleted_and_brought_back(actor: Actor) -> None:
    browser, member = signed_in(actor), make_actor(Role.MEMBER, team=actor.team)
    mine, other, foreign = comparison_of(actor), comparison_of(actor), comparison_of(make_actor())
    body = {"deed": "delete", "id": [str(mine.public_id), str(foreign.public_id)]}
    said = signed_in(member).post(COMPARE + "bulk/", body, follow=True).content.decode()
    assert "or an admin, can change it" in said and not Comparison.objects.exclude(deleted_at=None).exists()
    page = browser.post(COMPARE + "bulk/", body, follow=True)
    assert "1 was deleted." in page.content.decode() and "not there any more" in page.content.decode()
    assert set(Comparison.objects.filter(deleted_at=None)) == {other, foreign}
    assert browser.get(f"{COMPARE}{mine.public_id}/").status_code == 404
    moment = page.context["undo"].moment
    signed_in(member).post(COMPARE + "undo/", {"moment": moment})
    assert Comparison.objects.exclude(deleted_at=None).get() == mine
    assert "is back" in browser.post(COMPARE + "undo/", {"moment": moment}, follow=True).content.decode()
    assert browser.get(COMPARE).context["undo"] is None and browser.get(f"{COMPARE}{mine.public_id}/").status_code == 200


def test_ticked_benchmarks_of_one_model_and_of_all_are_deleted_and_brought_back(actor: Actor) -> None:
    one, another = benchmark_of(actor), benchmark_of(actor)
    browser, url = signed_in(actor), f"/models/{one.model.public_id}/benchmark/"
    everything = {"deed": "delete", "all": "1", "query": ""}
    page = browser.post(url + "bulk/", everything, follow=True)
    assert list(Benchmark.objects.filter(deleted_at=None)) == [another] and page.context["undo"].number == 1
    browser.post(ALL + "undo/", {"moment": page.context["undo"].moment})
    page = browser.post(ALL + "bulk/", everything, follow=True)
    assert not Benchmark.objects.filter(deleted_at=None).exists() and page.context["undo"].number == 2
    browser.post(ALL + "undo/", {"moment": page.context["undo"].moment})
    assert Benchmark.objects.filter(deleted_at=None).count() == 2
    for moment in ("", "yesterday", "2026-13-45T00:00", "2026-01-01T00:00"):
        assert browser.post(ALL + "undo/", {"moment": moment}).status_code == 400


def test_one_under_way_is_stopped_by_its_deletion_and_goes_for_good_after_a_day(actor: Actor) -> None:
    row = comparison(actor, "Long", status="running")
    services.trial_delete(actor, row)
    row.refresh_from_db()
    assert row.status == "cancelled" and not Comparison.objects.waiting().exists()
    assert services.trials_purge() == 0
    assert services.trials_purge(timezone.now() + timedelta(days=1, seconds=1)) == 1 and not Comparison.objects.exists()


def test_the_files_have_what_the_filters_leave(actor: Actor) -> None:
    comparison(actor, "=danger()", "0.25")
    comparison(actor, "Another", "1")
    benchmark_of(actor)
    browser = signed_in(actor)
    said = b"".join(browser.get(COMPARE + "export/?search=danger&format=csv").streaming_content).decode("utf-8-sig")
    (row,) = csv.DictReader(said.splitlines())
    assert (row["prompt"], row["models"]) == ("'=danger()", '["m1", "m2"]')
    assert b"correct_share" in b"".join(browser.get(ALL + "export/?format=csv").streaming_content)
