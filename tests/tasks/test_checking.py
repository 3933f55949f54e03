"""How good the checking is: what verdicts and thumbs make known, the figures, rules of when steps are checked, REST, pages."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.common import events
from apps.common.errors import BadInput, Conflict, NotAllowed
from apps.tasks.engine.types import Outcome
from apps.tasks.models import CheckingSettings, ResultThumb, Task, TaskExecution, ValidatorOutcome, ValidatorRun, VerifyingRule
from apps.tasks.selectors.checking import FEW, Rate, checking_quality, verifying_policy
from apps.tasks.services import execution_rate, task_create
from apps.tasks.services.verdicts import subtask_rate, task_rate, verdict_of_step
from apps.tasks.services.verifying import checking_settings_update, verifying_rule_save
from tests.factories import execution_of, make_actor
from tests.tasks import scenes
from tests.tasks.recovered import recovered

pytestmark = pytest.mark.django_db
KNOWN = ValidatorOutcome.KnownBy


def verdict(actor: Actor, *, accepted: bool | None, is_right: bool | None = None, **more: Any) -> ValidatorOutcome:
    about = {"origin": "prompt", "author_name": "Ann", "checker_name": "Bob", "place": f"x{ValidatorOutcome.objects.count()}"}
    return ValidatorOutcome.objects.create(team=actor.team, accepted=accepted, is_right=is_right, **{**about, **more})


def judged(actor: Actor, cast: scenes.Cast) -> Task:
    """A finished task whose first answer was suspect, with the verdicts that its run leaves."""
    task = recovered(actor, cast)
    subtask = task.subtasks.get()
    for number, step in enumerate(task.steps.filter(stage="conclude").order_by("key"), 1):
        outcome = msgspec.convert(step.result, Outcome)
        author, checker = (replace(ref, id="") for ref in (outcome.author, outcome.checker))  # played by nobody of the database
        verdict_of_step(task, subtask, replace(outcome, author=author, checker=checker), attempt=number)
    return task


# ── what becomes known ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_step_that_was_checked_leaves_a_verdict_and_a_recovery_says_that_the_first_was_wrong(actor, cast) -> None:
    task = judged(actor, cast)
    first, second = task.subtasks.get().verdicts.order_by("place")
    assert (first.author_name, first.was_replaced, first.is_right, first.known_by) == ("Ann", True, False, KNOWN.RECOVERY)
    assert (second.author_name, second.accepted, second.is_right, second.known_by) == ("Cyd", True, None, KNOWN.NOBODY)


def test_thumbs_on_the_result_tell_whether_the_checker_was_right_and_are_taken_back(actor, cast) -> None:
    task = judged(actor, cast)
    standing = task.subtasks.get().verdicts.get(was_replaced=False)

    def known() -> tuple[Any, Any]:
        standing.refresh_from_db()
        return standing.is_right, standing.known_by

    task_rate(actor, task, thumb=-1)
    assert known() == (False, KNOWN.PEOPLE)
    task_rate(actor, task, thumb=1)
    assert known() == (True, KNOWN.PEOPLE) and ResultThumb.objects.count() == 1
    task_rate(actor, task, thumb=None)
    assert known() == (None, KNOWN.NOBODY) and not ResultThumb.objects.exists()
    subtask_rate(actor, task.subtasks.get(), thumb=-1)
    assert known() == (False, KNOWN.PEOPLE)


def test_people_outweigh_a_ruling_and_a_ruling_a_recovery(actor) -> None:
    from apps.tasks.services.verdicts import verdict_learn

    execution = execution_of(actor)
    row = verdict(actor, accepted=False, execution=execution, winner="author", was_replaced=False)
    verdict_learn(row)
    assert (row.is_right, row.known_by) == (True, KNOWN.RULING)
    events.publish(events.AnswerRated(execution.public_id, actor.user.pk, -1))
    row.refresh_from_db()
    assert (row.is_right, row.known_by) == (False, KNOWN.PEOPLE)
    assert TaskExecution.objects.get().thumb == -1
    execution_rate(actor, execution, thumb=None)
    row.refresh_from_db()
    assert (row.is_right, row.known_by) == (True, KNOWN.RULING)


def test_a_thumb_on_the_checkers_own_answer_says_nothing_of_the_authors(actor) -> None:
    execution = execution_of(actor)
    row = verdict(actor, accepted=False, execution=execution, winner="checker", is_right=False)
    events.publish(events.AnswerRated(execution.public_id, actor.user.pk, 1))
    row.refresh_from_db()
    assert (row.is_right, row.known_by) == (False, KNOWN.RULING)


def test_a_result_that_is_not_there_cannot_be_rated(actor) -> None:
    task = task_create(actor, description="Say something.", start=False)
    with pytest.raises(Conflict):
        task_rate(actor, task, thumb=1)
    with pytest.raises(BadInput):
        task_rate(actor, task, thumb=5)


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_nobody_knows_counts_among_the_verdicts_and_in_no_rate(actor) -> None:
    for accepted, is_right in ((True, True), (True, False), (False, True), (False, False), (True, None), (None, None)):
        verdict(actor, accepted=accepted, is_right=is_right, known_by=KNOWN.PEOPLE if is_right is not None else "")
    [one] = checking_quality(actor).worked
    assert (one.verdicts, one.known, one.known_by) == (6, 4, {"people": 4})
    assert (one.was_right, one.false_accepts, one.false_rejects) == (Rate(2, 4), Rate(1, 2), Rate(1, 2))
    assert one.was_right.is_few and not Rate(1, FEW).is_few
    assert Rate(0, 0).percent is None and Rate(0, 0).interval is None
    assert Rate(0, 10).interval == (0.0, 27.8)


def test_of_planted_faults_the_newest_run_counts_and_a_judge_settles_disputes(actor) -> None:
    runs = [ValidatorRun.objects.create(team=actor.team, models_asked=[{"id": "b", "label": "Bob"}]) for _ in range(2)]
    about = {"origin": "benchmark", "known_by": KNOWN.PLANTED, "cost_usd": Decimal("0.01")}
    for run in runs:
        verdict(actor, accepted=True, is_right=False, kind="unit", run=run, **about)
        verdict(actor, accepted=False, is_right=True, run=run, **about)
        verdict(actor, accepted=False, is_right=True, run=run, judge_name="Jay", winner="author", **about)
        verdict(actor, accepted=False, is_right=False, kind="unit", run=run, judge_name="Jay", winner="", **about)
    alone, judged = checking_quality(actor).benched
    assert (alone.judge, alone.right_refused, alone.by_kind) == ("", Rate(1, 1), [("unit", Rate(1, 1))])
    assert (alone.run_id, alone.cost_usd) == (runs[1].public_id, Decimal("0.02"))
    assert (judged.judge, judged.right_refused, judged.without_verdict) == ("Jay", Rate(0, 1), 1)


def test_figures_are_of_ones_own_team(actor, stranger) -> None:
    verdict(actor, accepted=True, is_right=True)
    assert checking_quality(stranger).worked == [] and checking_quality(stranger).in_all.verdicts == 0


# ── when steps are checked ────────────────────────────────────────────────────────────────────────────────────────


def test_tasks_are_always_checked_unless_the_team_has_a_rule_and_the_task_has_the_last_word(actor) -> None:
    assert task_create(actor, description="One.", start=False).policy == {}
    verifying_rule_save(actor, category="Law ", when="sample", sample_percent=10)
    verifying_rule_save(actor, category="", when="from_complexity", from_complexity=70)
    of_team = {"verify": {"when": "from_complexity", "from_complexity": 70.0}}
    of_team |= {"verify_by_category": {"law": {"when": "sample", "sample_percent": 10.0}}}
    assert verifying_policy(actor.team.pk) == of_team
    assert task_create(actor, description="Two.", start=False, policy={"max_escalations": 1}).policy == {
        **of_team,
        "max_escalations": 1,
    }
    own = {"verify": {"when": "always"}}
    assert task_create(actor, description="Three.", start=False, policy=own).policy == own


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"when": "never"}, "when"),
        ({"sample_percent": 101}, "sample_percent"),
        ({"from_complexity": "NaN"}, "from_complexity"),
        ({"from_priority": "huge"}, "from_priority"),
        ({"category": "x" * 61}, "category"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_by_field(actor, fields, field) -> None:
    with pytest.raises(BadInput) as caught:
        verifying_rule_save(actor, **fields)
    assert [error["field"] for error in caught.value.errors] == [field]


def test_a_category_has_one_rule_and_members_make_none(actor) -> None:
    verifying_rule_save(actor, category="law")
    with pytest.raises(BadInput):
        verifying_rule_save(actor, category="LAW")
    with pytest.raises(NotAllowed):
        verifying_rule_save(make_actor(Role.MEMBER, team=actor.team), category="other")


def test_folders_of_the_machine_are_named_by_who_looks_after_it_alone(actor, tmp_path) -> None:
    with pytest.raises(BadInput) as caught:
        checking_settings_update(actor, vectors="folder", vectors_folder=str(tmp_path))
    assert "looks after" in caught.value.message and not CheckingSettings.objects.exists()
    actor.user.is_staff = True
    checking_settings_update(actor, vectors="folder", vectors_folder=str(tmp_path))
    actor.user.is_staff = False
    checking_settings_update(actor, search="off", vectors_folder=str(tmp_path))  # as it was


def test_what_the_detection_may_use_is_off_and_is_checked(actor, tmp_path) -> None:
    actor.user.is_staff = True
    for fields, field in (
        ({"search": "searxng", "search_url": "example.org"}, "search_url"),
        ({"search": "template", "search_url": "https://example.org/?q="}, "search_url"),
        ({"vectors": "model"}, "vectors_model"),
        ({"vectors": "folder", "vectors_folder": "/no/such/folder"}, "vectors_folder"),
    ):
        with pytest.raises(BadInput) as caught:
            checking_settings_update(actor, **fields)
        assert caught.value.errors[0]["field"] == field
    assert not CheckingSettings.objects.exists()
    checking_settings_update(actor, vectors="folder", vectors_folder=str(tmp_path))
    assert CheckingSettings.objects.get().vectors == "folder"


# ── pages and REST ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_shows_both_tables_with_as_many_queries_for_many_as_for_few(
    browser: Client, actor: Actor, django_assert_max_num_queries: Any
) -> None:
    run = ValidatorRun.objects.create(team=actor.team, models_asked=[{"id": "b", "label": "Bob"}], total=2, done=2)
    for number in range(40):
        verdict(actor, accepted=True, is_right=number > 0, author_name=f"Author {number % 9}", known_by=KNOWN.PEOPLE)
        verdict(actor, accepted=number > 5, is_right=False, kind="unit", origin="benchmark", run=run, known_by=KNOWN.PLANTED)
    with django_assert_max_num_queries(14):
        html = browser.get(reverse("tasks:checking")).content.decode()
    assert "Faults let through" in html and "Author 8" in html and "1/40" in html and "34/40" in html


def test_an_empty_page_says_what_it_is_for(browser: Client) -> None:
    html = browser.get(reverse("tasks:checking")).content.decode()
    assert "Not measured yet" in html and "No verdict yet" in html


def test_a_benchmark_shows_its_cost_before_it_begins(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    asked = {"models": [str(cast.author.public_id), str(cast.checker.public_id)], "cases": "general", "questions": 30}
    looked = browser.post(reverse("tasks:checking_new"), {**asked, "action": "look"})
    assert looked.status_code == 200 and "About" in looked.content.decode() and not ValidatorRun.objects.exists()
    begun = browser.post(reverse("tasks:checking_new"), {**asked, "action": "begin"})
    run = ValidatorRun.objects.get()
    assert begun.url == reverse("tasks:checking_run", args=[run.public_id])
    assert run.total == 123 * 4 and browser.get(begun.url).status_code == 200
    again = browser.post(reverse("tasks:checking_new"), {**asked, "action": "begin"})
    assert again.status_code == 400 and "under way already" in again.content.decode()
    browser.post(reverse("tasks:checking_stop", args=[run.public_id]))
    run.refresh_from_db()
    assert run.status == "cancelled"
    browser.post(reverse("tasks:checking_delete", args=[run.public_id]), {"typed": "delete"})
    assert not ValidatorRun.objects.exists()


def test_rules_and_settings_are_changed_on_the_settings_page(browser: Client, actor: Actor) -> None:
    rule = {"category": "law", "when": "sample", "from_complexity": 61, "from_priority": "high", "sample_percent": 15}
    assert browser.post(reverse("tasks:verifying_rule_new"), rule).status_code == 302
    row = VerifyingRule.objects.get()
    html = browser.get(reverse("tasks:routing_settings")).content.decode()
    assert "law" in html and "15 %" in html.replace("\xa0", " ")
    browser.post(reverse("tasks:verifying_rule", args=[row.public_id]), {**rule, "when": "always"})
    row.refresh_from_db()
    assert row.when == "always"
    browser.post(reverse("tasks:verifying_rule_delete", args=[row.public_id]))
    assert not VerifyingRule.objects.exists()
    refused = browser.post(reverse("tasks:routing_settings"), {"form": "evidence", "search": "searxng", "vectors": "off"})
    assert refused.status_code == 400 and "names a server" in refused.content.decode()
    on = {"form": "evidence", "search": "searxng", "search_url": "https://search.example.org", "vectors": "off"}
    assert browser.post(reverse("tasks:routing_settings"), on).status_code == 302
    assert CheckingSettings.objects.get().search_url == "https://search.example.org"


def test_thumbs_are_given_on_the_task_page(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = recovered(actor, cast)
    browser.post(reverse("tasks:thumb", args=[task.public_id]), {"thumb": "up"})
    html = browser.get(reverse("tasks:detail", args=[task.public_id])).content.decode()
    assert 'value="up" aria-pressed="true"' in html and "How good is this checker?" in html
    browser.post(reverse("tasks:step_thumb", args=[task.subtasks.get().public_id]), {"thumb": "down"})
    assert sorted(ResultThumb.objects.values_list("thumb", flat=True)) == [-1, 1]
    browser.post(reverse("tasks:thumb", args=[task.public_id]), {"thumb": "up"})
    assert ResultThumb.objects.get().thumb == -1
    assert browser.post(reverse("tasks:thumb", args=[task.public_id]), {"thumb": "sideways"}).status_code == 400


def test_rest_gives_figures_rules_settings_estimates_and_thumbs(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    def send(method: str, url: str, data: Any = None) -> Any:
        return getattr(browser, method)(url, data, content_type="application/json")

    task = judged(actor, cast)
    assert send("post", f"/api/tasks/{task.public_id}/rate/", {"thumb": 1}).status_code == 204
    assert send("post", f"/api/subtasks/{task.subtasks.get().public_id}/rate/", {"thumb": -1}).status_code == 204
    assert send("post", f"/api/tasks/{task.public_id}/rate/", {"thumb": 3}).status_code == 400
    found = browser.get("/api/checking/quality/").json()
    assert found["planted"] == [] and found["real_in_all"]["verdicts"] == 2 and found["real_in_all"]["was_right"]["few"]
    made = send("post", "/api/verifying-rules/", {"category": "law", "when": "from_priority", "from_priority": "urgent"})
    assert made.status_code == 201 and made.json()["from_priority"] == "urgent"
    changed = send("patch", f"/api/verifying-rules/{made.json()['id']}/", {"when": "always"})
    assert changed.json()["when"] == "always"
    assert send("delete", f"/api/verifying-rules/{made.json()['id']}/").status_code == 204
    settings = send("patch", "/api/checking/settings/", {"search": "searxng", "search_url": "https://s.example.org"})
    assert settings.json()["search"] == "searxng" == browser.get("/api/checking/settings/").json()["search"]
    asked = {"models": [str(cast.author.public_id)], "cases": "practice", "questions": 5}
    estimate = send("post", "/api/validator-runs/estimate/", asked).json()
    assert estimate["verdicts"] == estimate["calls"] > 10
    run = send("post", "/api/validator-runs/", asked)
    assert run.status_code == 201 and run.json()["status"] == "waiting"
    assert send("post", f"/api/validator-runs/{run.json()['id']}/stop/").json()["status"] == "cancelled"
    assert send("post", "/api/validator-runs/", {**asked, "questions": 1_000}).status_code == 400
    assert browser.get("/api/validator-runs/").json()["results"][0]["models"] == [str(cast.author)]


def test_the_weighing_of_an_answer_is_there_by_itself_with_its_places_marked(browser: Client, actor: Actor) -> None:
    execution = execution_of(actor)
    url = reverse("tasks:execution_weighed", args=[execution.public_id])
    assert "was not weighed" in browser.get(url).content.decode()
    span = {"start": 0, "end": 6, "reason": "said_again"}
    factor = {"name": "repetition", "score": 1.0, "contribution": 60.0, "spans": [span]}
    assessment = {"score": 92.0, "base": 32.0, "factors": [factor], "missing": ["sources"], "is_partial": False}
    findings = {"items": [{"kind": "repetition", "score": 90.0, "quote": "", "spans": [span]}], "assessment": assessment}
    attempt = {"model": {"label": execution.model_name}, "error_code": "", "hallucination": {**findings, "is_bound": False}}
    TaskExecution.objects.filter(pk=execution.pk).update(metadata={"attempts": [attempt]})
    html = browser.get(url).content.decode()
    assert '<mark title="said again">Secret' in html and "60.0" in html and "Not at hand: sources to keep to" in html
    found = browser.get(f"/api/orchestrator/tasks/{execution.public_id}/").json()["hallucination"]
    assert (found["score"], found["spans"][0]["label"], found["against"][0]["kind"]) == (92.0, "said again", "repetition")
