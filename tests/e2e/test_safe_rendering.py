"""Every field of every row says something evil, and every page that shows one is looked at in a real browser."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from selenium.common.exceptions import TimeoutException

from apps.accounts.notifying import notify
from apps.tasks.logbook import log_write
from apps.tasks.models import Subtask, Task
from tests.e2e.attacks import ATTACKS, SHORT, left_by
from tests.e2e.browser import entered, find, wait
from tests.e2e.test_accessibility import STILL, pages_of
from tests.factories import OBJECTS, signed_in, task_of

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    # Django keeps a body in a file of its own and forgets it when the browser leaves in the middle of a request.
    pytest.mark.filterwarnings("ignore:Exception ignored.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning"),
]
OURS = ("accounts", "chat", "gateway", "knowledge", "providers", "tasks")
ROWS_AT_WORK = ("SignIn", "AuditLog", "AuditHead", "Membership", "Invitation")  # what the product itself writes, word by word
# What the product compares with words of its own, or finds rows by.
WORKING_FIELDS = frozenset(
    "password email language theme role kind url session_key token_hash status state slug slug_in_use seed key_hash ending "
    "base_url secret vendor currency scope period purpose level event stage origin winner lease_owner held_by source cache "
    "variant measure request_hash context_hash idempotency_key request_id worker job_id vectors search design "
    "verified task_type strategy strategy_a strategy_b audience integrity check_state hash previous_hash search_url "
    "vectors_folder balance_group place known_by cases from_priority when name_in_use media_type".split()
)
WORDS_IN = ("name", "title", "label", "comment", "text", "message", "summary", "description", "evidence", "reason")


@pytest.fixture
def page(chromium, product, actor):
    entered(chromium, product.url, actor)
    yield chromium
    chromium.get("about:blank")


def make_everything_evil() -> int:
    """Put words of attackers into every text of every row, as the database lets anybody do; gives the number of fields."""
    said = itertools.cycle(range(len(ATTACKS)))
    return sum(_spoil(row, field, said) for row, field in _fields())


def _fields() -> Iterator[tuple[models.Model, models.Field]]:
    for label in OURS:
        for model in apps.get_app_config(label).get_models():
            if model.__name__ in ROWS_AT_WORK:
                continue
            fields = [one for one in model._meta.concrete_fields if _is_words(one)]
            for row in model._default_manager.all():
                yield from ((row, field) for field in fields)


def _is_words(field: models.Field) -> bool:
    is_text = isinstance(field, models.CharField | models.TextField | models.JSONField)
    return is_text and not field.choices and field.name not in WORKING_FIELDS and not isinstance(field, models.SlugField)


def _spoil(row: models.Model, field: models.Field, said: Iterator[int]) -> bool:
    start = next(said)
    if isinstance(field, models.JSONField):
        words = _spoiled(getattr(row, field.name), ATTACKS[start])
    elif isinstance(field, models.TextField):
        words = "\n\n".join((*ATTACKS[start:], *ATTACKS[:start]))
    else:
        whole = ATTACKS[start].replace("\n", " ")
        words = (whole if len(whole) < field.max_length - 8 else SHORT)[: field.max_length - 8] + f" {row.pk}"
    try:
        with transaction.atomic():
            return bool(type(row)._base_manager.filter(pk=row.pk).update(**{field.name: words}))
    except (IntegrityError, ValidationError):  # one of its kind says the same already, or the field is no place for words
        return False


def _spoiled(value, words: str):
    """The same shape with other words in the places that have words."""
    if isinstance(value, dict):
        return {
            name: words if name in WORDS_IN and isinstance(inner, str) else _spoiled(inner, words)
            for name, inner in value.items()
        }
    return [_spoiled(inner, words) for inner in value] if isinstance(value, list) else value


def furnish(actor) -> None:
    for make in OBJECTS.values():
        make(actor)
    Task.objects.update(status="completed", is_started=True)
    Subtask.objects.update(status="completed", result="Said", error="Wrong")
    for task in Task.objects.all():
        log_write(task, "failed", level="error", message="Said")


def test_no_words_of_anybody_run_on_any_page(page, product, actor):
    furnish(actor)
    pages = pages_of(actor)
    assert len(pages) > 50
    assert make_everything_evil() > 200
    wrong, spoken = {}, 0
    for address in pages:
        page.get(f"{product.url}{address}")
        if found := came_up(page) or left_by(page):
            wrong[address] = found
        spoken += page.execute_script("return /alert\\(1\\)|window.hurt/.test(document.body.innerText)")
    assert not wrong
    assert spoken > 50  # the words were there, as words


def came_up(page) -> list[str]:
    """Nothing, once the page's script is at work. An open dialog is an error of the driver, which fails the test as well."""
    try:
        wait(page, lambda _: page.execute_script(STILL))
    except TimeoutException:
        return ["its script did not start, or a part of it never came"]
    return []


@pytest.mark.parametrize(
    "bad",
    [
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='https://example.org/'>x</a>",
        "<b onclick='alert(1)'>x</b>",
        "<b hx-on:click='alert(1)'>x</b>",
        "<script>1</script>",
        "<iframe></iframe>",
        "<img src='https://example.org/p.png'>",
        "<template><svg onload='alert(1)'></svg></template>",
    ],
)
def test_the_look_at_a_page_sees_what_is_wrong(page, product, bad):
    page.get(f"{product.url}/offline/")
    assert not left_by(page)
    page.execute_script("document.body.insertAdjacentHTML('beforeend', arguments[0])", bad)
    assert left_by(page)


def test_what_comes_while_a_page_is_open_stays_words(page, product, actor):
    task = task_of(actor)
    log_write(task, "started", message="First")
    page.get(f"{product.url}/logs/")
    came_up(page)
    find(page, "#log-follow").click()
    wait(page, lambda _: "Following" in find(page, "#log-state").text)
    for attack in ATTACKS:
        Task.objects.filter(pk=task.pk).update(title=attack[:200])
        task.refresh_from_db()
        line = log_write(task, "failed", level="error", message=attack)
        notify(actor.user, kind="task_failed", title=attack[:200], text=attack, url="javascript:alert(1)", team=actor.team)
    wait(page, lambda _: page.find_elements("id", f"line-{line.public_id}"))
    wait(page, lambda _: len(page.find_elements("css selector", "#toasts .toast")) > 1)
    assert not left_by(page)
    assert "alert(1)" in find(page, "#log-lines").text


def test_a_page_of_the_product_allows_no_inline_script_and_no_words_as_code(actor):
    furnish(actor)
    client = signed_in(actor)
    policies = {address: client.get(address).headers.get("Content-Security-Policy", "") for address in pages_of(actor)}
    assert len(policies) > 50
    for address, policy in policies.items():
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";") if " " in rule.strip())
        assert "unsafe-inline" not in policy and "unsafe-eval" not in policy, address
        assert "'self'" in rules["default-src"] and "*" not in policy and "data:" not in rules.get("script-src", ""), address
