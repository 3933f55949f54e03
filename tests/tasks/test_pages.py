"""Pages of tasks: each in every state, and what their forms do."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.providers.models import AIModel, Breaker, CreditUsage
from apps.tasks import services
from apps.tasks.models import Subtask, Task
from tests.tasks import scenes


@pytest.fixture(autouse=True)
def no_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.tasks, "ring_on_commit", lambda: None)


def page(browser: Client, url: str, **query: str) -> str:
    answer = browser.get(url, query)
    assert answer.status_code == 200, answer.content[:2000]
    html = answer.content.decode()
    assert html.count("<h1") == 1 or "<html" not in html
    assert "style=" not in html.replace("<style", "")
    return html


def primary_buttons(html: str) -> int:
    main = html[html.index("<main") : html.index("</main>")]
    return len(re.findall(r"btn-primary", main))


def url_of(task: Task, name: str = "detail", *more: str) -> str:
    return reverse(f"tasks:{name}", args=[task.public_id, *more])


@pytest.mark.parametrize("scene", ["completed", "running", "too_few_models", "failed", "awaiting_approval"])
def test_a_task_has_a_page_in_every_state(
    browser: Client, actor: Actor, cast: scenes.Cast, scene: str, django_assert_max_num_queries: Any
) -> None:
    task = getattr(scenes, scene)(actor, cast)
    with django_assert_max_num_queries(22):
        html = page(browser, url_of(task))
    assert task.title in html and html.count('aria-selected="true"') == 1
    assert primary_buttons(html) == 1


@pytest.mark.parametrize("status", ["pending", "planning", "paused", "cancelled"])
def test_a_task_without_steps_has_one_too(browser: Client, actor: Actor, status: str) -> None:
    for is_started in (True, False):
        html = page(browser, url_of(scenes.make_task(actor, status=status, is_started=is_started)))
        assert primary_buttons(html) == 1


def test_the_page_shows_who_wrote_who_checked_and_why_it_stands(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    html = page(browser, url_of(scenes.completed(actor, cast)))
    for words in (
        "Qwen3 8B",
        "checked by Mistral Small 24B",
        "The judge decided for the author",
        "MySQL has strict mode too",
        "38\u00a0%",
        "disputed",
    ):
        assert words in html, words
    assert "<h3>Take PostgreSQL</h3>" in html or "Take PostgreSQL</h" in html


def test_letters_that_the_judge_knew_the_sides_by_are_explained(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.completed(actor, cast)
    task.steps.filter(stage="tie-break").update(result={"ruling": {"winner": "author", "author_was": "B"}})
    assert "knew the checker as A and the author as B" in page(browser, url_of(task))


def test_what_an_ai_wrote_cannot_run_in_the_page(browser: Client, actor: Actor) -> None:
    evil = "<script>alert(1)</script> [x](javascript:alert(1)) ![i](http://evil.example/p.png)"
    task = scenes.make_task(actor, status="completed", result=evil)
    scenes.make_subtask(
        task,
        1,
        evil[:150],
        status="completed",
        result=evil,
        error=evil,
        verdict={"summary": evil, "defects": [{"problem": evil}]},
    )
    html = page(browser, url_of(task))
    assert "<script>alert" not in html and 'href="javascript' not in html and "<img" not in html


def test_a_question_to_the_person_comes_with_buttons(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.too_few_models(actor, cast)
    html = page(browser, url_of(task))
    assert "Nobody can check this work" in html and "Go on without a check" in html
    browser.post(url_of(task, "act", "resume"), {"unchecked": "1"})
    task.refresh_from_db()
    assert (task.status, task.policy["on_too_few_models"]) == ("pending", "continue")


def test_a_dispute_that_nobody_settled_is_told_apart_from_work_that_nobody_checked(
    browser: Client, actor: Actor, cast: scenes.Cast
) -> None:
    task = scenes.make_task(actor, status="paused", error_code="too_few_models", error_data={"role": "tie_breaker"})
    html = page(browser, url_of(task))
    assert "Nobody can settle the dispute" in html and "Ask the judges again" in html and primary_buttons(html) == 1


def test_a_budget_that_is_used_up_can_be_raised_where_it_is_said(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor, status="paused", error_code="over_budget", error_data={"left": "0.01"}, budget_usd="0.10")
    assert 'name="budget"' in page(browser, url_of(task))
    browser.post(url_of(task, "act", "resume"), {"budget": "-3"})
    task.refresh_from_db()
    assert task.status == "paused"
    browser.post(url_of(task, "act", "resume"), {"budget": "0,50"})
    task.refresh_from_db()
    assert (task.status, str(task.budget_usd)) == ("pending", "0.50000000")


def test_the_live_parts_are_the_parts_of_the_page(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.running(actor, cast)
    whole, parts = page(browser, url_of(task)), page(browser, url_of(task, "parts"))
    ids = re.findall(r'id="(part-[a-z]+)" data-part', parts)
    assert sorted(ids) == sorted(re.findall(r'id="(part-[a-z]+)" data-part', whole))  # none is missing, none stands twice
    assert len(set(ids)) == len(ids) == 9
    assert "<html" not in parts
    assert f'data-call="s2.r1.a1/execute#1" data-order="2">{scenes.DRAFT}' in parts


def test_a_plan_that_was_made_while_somebody_looked_on_is_among_the_live_parts(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor)
    assert "There is no plan yet." in page(browser, url_of(task, "parts"))
    task.plan = {"subtasks": [{"order": 1, "title": "Weigh both sides", "description": "x", "depends_on": []}]}
    task.save()
    assert "Weigh both sides" in page(browser, url_of(task, "parts"))


def test_prompts_and_raw_answers_are_a_part_or_a_page(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.completed(actor, cast)
    assert "You do one step of a larger task." in page(browser, url_of(task, "trace"))
    part = browser.get(url_of(task, "trace"), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part and part.count('class="fold call"') == 8


@pytest.mark.parametrize(
    ("before", "action", "after"),
    [("pending", "pause", "paused"), ("running", "cancel", "cancelled"), ("failed", "start", "pending")],
)
def test_buttons_do_what_they_say(browser: Client, actor: Actor, before: str, action: str, after: str) -> None:
    task = scenes.make_task(actor, status=before)
    assert browser.post(url_of(task, "act", action)).url == url_of(task)
    task.refresh_from_db()
    assert task.status == after


def test_what_can_no_longer_be_done_is_said(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor, status="completed")
    answer = browser.post(url_of(task, "act", "pause"), follow=True)
    assert answer.status_code == 200 and "banner-bad" in answer.content.decode()
    assert browser.post(url_of(task, "act", "explode")).status_code == 404


def test_the_list_is_narrowed_by_its_address(browser: Client, actor: Actor, django_assert_max_num_queries: Any) -> None:
    tasks = scenes.everything(actor)
    with django_assert_max_num_queries(14):
        html = page(browser, reverse("tasks:list"))
    assert all(str(task.public_id) in html for task in tasks.values())
    html = page(browser, reverse("tasks:list"), status="needs-you", search="policy")
    assert tasks["too_few_models"].title in html and tasks["running"].title not in html
    assert "No task matches" in page(browser, reverse("tasks:list"), search="nothing like it")


def test_the_list_goes_on_by_pages(browser: Client, actor: Actor) -> None:
    for number in range(55):
        scenes.make_task(actor, f"Task {number}")
    first = page(browser, reverse("tasks:list"))
    assert first.count('id="row-') == 50
    older = re.search(r'rel="next" href="([^"]+)"', first).group(1).replace("&amp;", "&")
    assert page(browser, reverse("tasks:list") + older).count('id="row-') == 5


def test_ticked_tasks_are_cancelled_or_deleted_together(browser: Client, actor: Actor, stranger: Actor) -> None:
    mine, done, theirs = scenes.make_task(actor), scenes.make_task(actor, status="completed"), scenes.make_task(stranger)
    ticked = {"task": [str(mine.public_id), str(done.public_id), str(theirs.public_id), "junk"], "query": "?status=pending"}
    answer = browser.post(reverse("tasks:bulk"), {**ticked, "action": "cancel"})
    assert answer.url == reverse("tasks:list") + "?status=pending"
    mine.refresh_from_db()
    theirs.refresh_from_db()
    assert (mine.status, theirs.status) == ("cancelled", "pending")
    browser.post(reverse("tasks:bulk"), {**ticked, "action": "delete"})
    assert list(Task.objects.filter(deleted_at=None)) == [theirs]
    assert browser.post(reverse("tasks:bulk"), ticked).status_code == 400


def test_a_new_task_starts_with_one_text(browser: Client, cast: scenes.Cast) -> None:
    html = page(browser, reverse("tasks:new"))
    assert all(model in html for model in ("Qwen3 8B", "Mistral Small 24B", "Claude Sonnet")) and primary_buttons(html) == 1
    answer = browser.post(reverse("tasks:new"), {"description": "Compare.", "cross_validate": "on"})
    task = Task.objects.get()
    assert answer.url == url_of(task) and task.is_started and task.policy["cross_validate"] is True


def test_options_reach_the_task_and_sending_twice_makes_one(browser: Client, cast: scenes.Cast) -> None:
    typed = {
        "description": "Compare.",
        "title": "T",
        "priority": "high",
        "budget": "0.25",
        "approve_plan": "on",
        "divergence_threshold": "30",
        "on_too_few_models": "continue",
        "verify_when": "sample",
        "verify_sample_percent": "25",
        "validator": str(cast.judge.public_id),
        "keep": "1",
        "key": "abc",
    }
    browser.post(reverse("tasks:new"), typed)
    browser.post(reverse("tasks:new"), typed)
    task = Task.objects.get()
    assert (task.is_started, task.approve_plan, str(task.budget_usd), task.cast) == (
        False,
        True,
        "0.25000000",
        {"validator": str(cast.judge.public_id)},
    )
    assert task.policy["divergence_threshold"] == 30 and task.policy["cross_validate"] is False
    assert task.policy["verify"] == {"when": "sample", "sample_percent": 25}
    task.policy["cross_validate"] = True
    task.save()
    assert "a sample of 25 % of the steps" in page(browser, url_of(task)).replace("\xa0", " ")


@pytest.mark.parametrize(
    "wrong",
    [
        {"description": " "},
        {"budget": "0"},
        {"budget": "x"},
        {"title": "x" * 201},
        {"deadline": "2001-01-01T10:00"},
        {"executor": str(uuid.uuid4())},
    ],
)
def test_what_is_wrong_is_said_and_nothing_typed_is_lost(browser: Client, cast: scenes.Cast, wrong: dict[str, str]) -> None:
    answer = browser.post(reverse("tasks:new"), {"description": "Keep this text.", "category": "kept-category", **wrong})
    html = answer.content.decode()
    assert answer.status_code == 400 and "field-error" in html and "kept-category" in html
    assert "Keep this text." in html or "description" in wrong
    assert not Task.objects.exists()


def test_without_a_model_the_page_says_what_must_come_first(browser: Client, actor: Actor) -> None:
    AIModel.objects.all().delete()
    html = page(browser, reverse("tasks:new"))
    assert "No model is in use" in html and reverse("providers:choose") in html


def test_with_one_family_it_says_that_nobody_can_check(browser: Client, actor: Actor) -> None:
    scenes.make_model(actor, "qwen3-8b", family="qwen")
    scenes.make_model(actor, "qwen3-8b-other", provider="other", family="qwen")
    assert "none may check its own work" in page(browser, reverse("tasks:cast"))


def test_a_plan_is_changed_as_a_form(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.awaiting_approval(actor, cast)
    assert "Collect the facts" in page(browser, url_of(task, "plan"))
    typed = {
        "order": ["1", "3"],
        "title": ["One", "New one"],
        "description": ["Do one.", "Do another."],
        "category": ["general", "code"],
        "depends_on": ["", "1"],
        "criteria": ["a\nb", ""],
    }
    assert browser.post(url_of(task, "plan"), typed).url == url_of(task)
    first, second = task.subtasks.order_by("order")
    assert (first.acceptance_criteria, second.order, second.category) == (["a", "b"], 3, "code")
    assert list(second.depends_on.all()) == [first]
    task.refresh_from_db()
    assert task.status == "pending" and task.plan_approved_at


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"depends_on": ["2", "1"]}, "circle"),
        ({"depends_on": ["", "9"]}, "needs step 9"),
        ({"depends_on": ["1", ""]}, "cannot need itself"),
        ({"description": ["", "Kept text."]}, "Say what this step is to do."),
        ({"order": ["1", "1"]}, "same number"),
        ({"order": ["x", "2"]}, "whole number"),
        ({"title": ["", ""], "description": ["", ""]}, "at least one step"),
    ],
)
def test_a_plan_that_cannot_run_is_explained_and_kept(
    browser: Client, actor: Actor, cast: scenes.Cast, change: dict, words: str
) -> None:
    task = scenes.awaiting_approval(actor, cast)
    typed = {
        "order": ["1", "2"],
        "title": ["One", "Two"],
        "description": ["Do one.", "Kept text."],
        "category": ["general", "general"],
        "depends_on": ["", "1"],
        "criteria": ["", ""],
        **change,
    }
    answer = browser.post(url_of(task, "plan"), typed)
    html = answer.content.decode()
    assert answer.status_code == 400 and words in html
    assert "Kept text." in html or words == "at least one step"
    task.refresh_from_db()
    assert task.status == "awaiting_approval"


def test_a_step_is_done_again_with_another_model(
    browser: Client, actor: Actor, cast: scenes.Cast, django_assert_max_num_queries: Any
) -> None:
    subtask = scenes.completed(actor, cast).subtasks.get(order=1)
    url = reverse("tasks:retry", args=[subtask.public_id])
    with django_assert_max_num_queries(11):
        page(browser, url)
    assert "2 steps that build on it" in page(browser, url)
    assert browser.post(url, {"model": str(uuid.uuid4())}).status_code == 400
    assert browser.post(url, {"model": str(cast.judge.public_id)}).status_code == 302
    subtask.refresh_from_db()
    assert (subtask.status, subtask.asked_executor, subtask.round) == ("pending", cast.judge, 2)


def test_the_dashboard_shows_what_needs_me_first(
    browser: Client, actor: Actor, cast: scenes.Cast, django_assert_max_num_queries: Any
) -> None:
    tasks = {name: getattr(scenes, name)(actor, cast) for name in ("completed", "running", "too_few_models")}
    html = page(browser, reverse("home"))
    assert html.index(tasks["too_few_models"].title) < html.index(tasks["running"].title) < html.index(tasks["completed"].title)
    for name in ("home", "tasks:overview_parts"):
        with django_assert_max_num_queries(11):
            page(browser, reverse(name))


def test_pages_of_another_team_are_not_there(browser: Client, stranger: Actor) -> None:
    task = scenes.make_task(stranger)
    subtask = scenes.make_subtask(task, 1, "Theirs")
    for url in (
        url_of(task),
        url_of(task, "parts"),
        url_of(task, "trace"),
        url_of(task, "plan"),
        reverse("tasks:retry", args=[subtask.public_id]),
    ):
        assert browser.get(url).status_code == 404, url
    assert browser.post(url_of(task, "delete")).status_code == 404
    assert browser.post(url_of(task, "act", "cancel")).status_code == 404


def test_a_viewer_sees_no_button_that_they_may_not_press(client: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.running(actor, cast)
    viewer = scenes.make_actor("vera@example.org", team=actor.team, role=Role.VIEWER, name="Vera")
    client.force_login(viewer.user, backend="django.contrib.auth.backends.ModelBackend")
    assert primary_buttons(page(client, url_of(task))) == primary_buttons(page(client, reverse("tasks:list"))) == 0
    assert client.get(reverse("tasks:new")).status_code == 403
    client.post(url_of(task, "act", "cancel"))
    task.refresh_from_db()
    assert task.status == "running"


def test_the_dashboard_counts_what_its_lists_show(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    done, broken = scenes.completed(actor, cast), scenes.failed(actor, cast)
    waiting = scenes.awaiting_approval(actor, cast)
    scenes.running(actor, cast)
    context = browser.get(reverse("home")).context
    assert [card["id"] for card in context["needs_you"]] == [str(waiting.public_id), str(broken.public_id)]
    assert (context["tasks"]["to_approve"], context["tasks"]["at_work"], context["tasks"]["week_failed"]) == (1, 1, 1)
    steps = done.subtasks.filter(status="completed")
    assert context["checking"]["steps"] == Subtask.objects.filter(status="completed").count()
    assert context["latest"][0]["voices"]["steps"] == steps.count()
    assert str(cast.author) in context["latest"][0]["voices"]["authors"]


def test_the_dashboard_names_models_that_rest(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    Breaker.objects.create(
        model=cast.author, state="open", until=timezone.now() + timedelta(minutes=5), message="It answers with nothing."
    )
    html = page(browser, reverse("home"))
    assert "It answers with nothing." in html and reverse("providers:model", args=[cast.author.public_id]) in html


def test_spend_of_others_is_on_the_dashboard_of_managers_alone(client: Client, actor: Actor) -> None:
    CreditUsage.objects.create(team=actor.team, owner=actor.user, cost_usd="1.25")
    member = scenes.make_actor("mia@example.org", team=actor.team, role=Role.MEMBER, name="Mia")
    for person, sum_ in ((actor, "1.25"), (member, "0")):
        client.force_login(person.user, backend="django.contrib.auth.backends.ModelBackend")
        assert client.get(reverse("tasks:overview_parts")).context["spend"]["today"]["usd"] == Decimal(sum_)
