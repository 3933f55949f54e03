"""Files that go out and come in again: rules, specialized AIs, prices. All of a file is taken, or nothing."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.providers.models import AIModel, ModelRating, SpecializedAI
from apps.tasks.models import EscalationRule
from tests.factories import signed_in
from tests.tasks import scenes

pytestmark = pytest.mark.django_db


def file_of(content: Any, name: str = "x.json") -> dict[str, Any]:
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return {"file": SimpleUploadedFile(name, text)}


def exported(browser: Client, name: str, **asked: str) -> bytes:
    return b"".join(browser.get(reverse(name), asked).streaming_content)


def test_rules_of_one_team_become_those_of_another(browser: Client, actor: Actor, stranger: Actor, cast: scenes.Cast) -> None:
    scenes.make_cast(stranger)
    EscalationRule.objects.create(
        team=actor.team, owner=actor.user, name="To the top", trigger="low_confidence", threshold=55, to_model=cast.judge
    )
    EscalationRule.objects.create(team=actor.team, owner=actor.user, name="Slow", trigger="timeout", priority=5, is_active=False)
    for format in ("json", "csv"):
        file = file_of(exported(browser, "tasks:rules_export", format=format), f"x.{format}")
        answer = signed_in(stranger).post(reverse("tasks:rules_import"), file)
        assert answer.status_code == 302, answer.content.decode()
        theirs = {rule.name: rule for rule in EscalationRule.objects.filter(team=stranger.team)}
        assert set(theirs) == {"To the top", "Slow"}
        assert theirs["To the top"].threshold == 55
        assert theirs["To the top"].to_model.provider.team == stranger.team
        assert (theirs["Slow"].priority, theirs["Slow"].is_active) == (5, False)


def test_of_a_file_with_a_wrong_row_nothing_is_stored_and_the_row_is_named(browser: Client, actor: Actor) -> None:
    rows = [
        {"name": "Good", "trigger": "error"},
        {"name": "Bad", "trigger": "bad temper"},
        {"name": "Lost", "trigger": "error", "to_model": "nobody/none"},
        {"name": "Odd", "trigger": "error", "colour": "blue"},
    ]
    answer = browser.post(reverse("tasks:rules_import"), file_of(rows))
    assert answer.status_code == 400
    html = answer.content.decode()
    assert all(f"Row {n} ({name})" in html for n, name in ((2, "Bad"), (3, "Lost"), (4, "Odd")))
    assert not EscalationRule.objects.exists()


@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"[{", b"\xff\xfe", b"[]", b'{"name": 1}' + b" " * 2_200_000])
def test_a_file_that_cannot_be_read_is_refused_with_words(browser: Client, content: bytes) -> None:
    answer = browser.post(reverse("tasks:rules_import"), file_of(content))
    assert answer.status_code == 400
    assert "banner-bad" in answer.content.decode()


def test_too_many_rows_are_refused(browser: Client) -> None:
    rows = [{"name": f"R{n}", "trigger": "error"} for n in range(1_001)]
    assert browser.post(reverse("tasks:rules_import"), file_of(rows)).status_code == 400
    assert not EscalationRule.objects.exists()


def test_members_do_not_import_rules(actor: Actor) -> None:
    member = scenes.make_actor("rui@example.org", team=actor.team, role=Role.MEMBER)
    answer = signed_in(member).post(reverse("tasks:rules_import"), file_of([{"name": "Good", "trigger": "error"}]))
    assert answer.status_code == 403


def test_specialized_ais_travel_with_their_models_by_name(
    browser: Client, actor: Actor, stranger: Actor, cast: scenes.Cast
) -> None:
    row = SpecializedAI.objects.create(
        owner=actor.user,
        team=actor.team,
        name="Lawyer",
        system_prompt="Quote the law.",
        categories=["legal"],
        default_model=cast.judge,
        parameters={"temperature": 0.2},
    )
    row.links.create(model=cast.author, position=1)
    text = exported(browser, "providers:specialized_export", format="json")
    there = signed_in(stranger)
    assert there.post(reverse("providers:specialized_import"), file_of(text)).status_code == 400  # its models are missing there
    assert not SpecializedAI.objects.filter(team=stranger.team, name="Lawyer").exists()
    scenes.make_cast(stranger)
    for _twice in range(2):
        assert there.post(reverse("providers:specialized_import"), file_of(text)).status_code == 302
    theirs = SpecializedAI.objects.get(team=stranger.team, name="Lawyer")
    assert (theirs.system_prompt, theirs.categories, theirs.parameters) == ("Quote the law.", ["legal"], {"temperature": 0.2})
    assert theirs.default_model.key == "claude-sonnet"
    assert [link.model.key for link in theirs.links.all()] == ["qwen3-8b"]


def test_prices_come_in_as_the_export_has_them(browser: Client, actor: Actor, stranger: Actor, cast: scenes.Cast) -> None:
    lines = exported(browser, "providers:models_export").decode("utf-8-sig").splitlines()
    assert len(lines) == 4
    text = b"provider,model,price_input,price_output\nmistral,mistral-small-24b,0.5,\nanthropic,claude-sonnet,3,15\n"
    assert browser.post(reverse("providers:prices_import"), file_of(text, "p.csv")).status_code == 302
    prices = {model.key: (model.price_input, model.price_output) for model in AIModel.objects.all()}
    assert prices["mistral-small-24b"] == (Decimal("0.5"), None)
    assert prices["claude-sonnet"] == (3, 15)
    foreign = scenes.make_model(stranger, "secret", provider="theirs")
    text = f"provider,model,price_input\ntheirs,{foreign.key},1\nmistral,mistral-small-24b,9\n".encode()
    assert browser.post(reverse("providers:prices_import"), file_of(text, "p.csv")).status_code == 400
    assert AIModel.objects.get(key="mistral-small-24b").price_input == Decimal("0.5")


def test_ratings_and_prompts_go_out(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    ModelRating.objects.create(owner=actor.user, team=actor.team, model=cast.author, stars=4, comment="Quick")
    [row] = json.loads(exported(browser, "providers:ratings_export", format="json"))
    assert (row["model"], row["stars"], row["comment"]) == ("qwen3-8b", 4, "Quick")
    assert json.loads(exported(browser, "tasks:prompts_export", format="json")) == []


def test_specialized_ais_come_back_from_the_table_that_was_exported(
    browser: Client, actor: Actor, stranger: Actor, cast: scenes.Cast
) -> None:
    scenes.make_cast(stranger)
    about = {"system_prompt": "- Quote the law, always.", "categories": ["legal", "tax"], "default_model": cast.judge}
    row = SpecializedAI.objects.create(owner=actor.user, team=actor.team, name="Lawyer", is_active=False, **about)
    row.links.create(model=cast.author, position=1)
    table = exported(browser, "providers:specialized_export", format="csv", search="lawyer")
    answer = signed_in(stranger).post(reverse("providers:specialized_import"), file_of(table, "table.csv"))
    assert answer.status_code == 302, answer.content.decode()
    theirs = SpecializedAI.objects.get(team=stranger.team, name="Lawyer")
    assert (theirs.system_prompt, theirs.categories, theirs.is_active) == (row.system_prompt, row.categories, False)
    assert theirs.default_model.key == cast.judge.key and [one.model.key for one in theirs.links.all()] == [cast.author.key]


def test_a_table_with_semicolons_and_decimal_commas_sets_prices(browser: Client, cast: scenes.Cast) -> None:
    model = cast.author
    table = f"provider;model;price_input\r\n{model.provider.name};{model.key};1,25\r\n"
    assert browser.post(reverse("providers:prices_import"), file_of(table.encode("utf-8-sig"), "t.csv")).status_code == 302
    model.refresh_from_db()
    assert model.price_input == Decimal("1.25")


def test_a_file_of_fifty_megabytes_is_refused_and_nothing_is_lost(browser: Client, actor: Actor) -> None:
    EscalationRule.objects.create(team=actor.team, owner=actor.user, name="Kept", trigger="error")
    for name in ("tasks:rules_import", "providers:specialized_import", "providers:prices_import"):
        answer = browser.post(reverse(name), file_of(b"name,trigger\n" + b"x" * 50_000_000, "large.csv"))
        assert answer.status_code == 400 and "larger than 2 MB" in answer.content.decode(), name
    assert [rule.name for rule in EscalationRule.objects.all()] == ["Kept"]
