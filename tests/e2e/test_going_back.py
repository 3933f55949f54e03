"""The way back, in a real browser: it leads to pages as they are now, and asks nobody whether to send a form again."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By

from apps.tasks.models import Task
from tests.e2e.browser import entered, find, ready, wait
from tests.factories import provider_of, task_of
from tests.tasks.scenes import make_cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def browser(chromium, live_server, actor):
    entered(chromium, live_server.url, actor)
    return chromium


def open_page(browser, url: str) -> None:
    browser.get(url)
    ready(browser)


def test_a_list_from_before_a_deletion_is_read_again(browser, live_server, actor):
    provider = provider_of(actor)
    open_page(browser, f"{live_server.url}/providers/")
    find(browser, f"main a[href='/providers/{provider.public_id}/']").click()
    ready(browser)
    find(browser, "[data-dialog-open=delete-provider]").click()
    find(browser, "#typed-name").send_keys(provider.display_name)
    wait(browser, lambda page: find(page, "#delete-provider [type=submit]").is_enabled())
    find(browser, "#delete-provider [type=submit]").click()
    wait(browser, lambda page: page.current_url.endswith("/providers/"))
    ready(browser)
    browser.back()  # to the page of what is gone: it is not there, and offers nothing to press
    wait(browser, lambda page: not page.find_elements(By.CSS_SELECTOR, "[data-dialog-open=delete-provider]"))
    browser.back()
    wait(browser, lambda page: page.current_url.endswith("/providers/"))
    wait(browser, lambda page: not page.find_elements(By.CSS_SELECTOR, f"main a[href='/providers/{provider.public_id}/']"))


def test_the_answer_to_a_form_is_left_and_come_back_to_without_a_question(browser, live_server):
    open_page(browser, f"{live_server.url}/budgets/new/")
    browser.execute_script("document.querySelector('main form').noValidate = true")  # the server says what is missing
    find(browser, "main .form-actions .btn-primary").click()
    wait(browser, lambda page: page.execute_script("return document.body.dataset.posted !== undefined"))
    ready(browser)
    open_page(browser, f"{live_server.url}/tasks/")
    browser.back()
    wait(browser, lambda page: page.current_url.endswith("/budgets/new/"))
    ready(browser)
    browser.refresh()
    ready(browser)
    assert browser.execute_script("return document.body.dataset.posted === undefined")  # asked for, not sent


def test_a_task_that_was_made_is_not_made_again_on_the_way_back(browser, live_server, actor):
    make_cast(actor)
    open_page(browser, f"{live_server.url}/tasks/new/")
    find(browser, "[name=description]").send_keys("Compare two databases")
    wait(browser, lambda page: find(page, "main .form-actions .btn-primary").is_enabled())
    find(browser, "main .form-actions .btn-primary").click()
    wait(browser, lambda page: page.current_url.rstrip("/").rpartition("/")[2].count("-") == 4)
    ready(browser)
    browser.back()
    wait(browser, lambda page: page.current_url.endswith("/tasks/new/"))
    ready(browser)
    assert not browser.find_elements(By.CSS_SELECTOR, ".is-busy")
    browser.forward()
    wait(browser, lambda page: page.current_url.rstrip("/").rpartition("/")[2].count("-") == 4)
    assert Task.objects.filter(team=actor.team).count() == 1


def test_a_list_kept_by_the_browser_shows_what_was_changed_since(browser, live_server, actor):
    task = task_of(actor)
    open_page(browser, f"{live_server.url}/tasks/")
    assert task.title in find(browser, "main").text
    open_page(browser, f"{live_server.url}/settings/profile/")
    Task.objects.filter(pk=task.pk).update(title="Another title")
    browser.execute_script("document.querySelector('main form[method=post]').dispatchEvent(new Event('submit', {bubbles: true}))")
    browser.back()
    wait(browser, lambda page: "Another title" in find(page, "main").text)


def test_what_was_typed_stays_on_the_way_back(browser, live_server):
    open_page(browser, f"{live_server.url}/tasks/new/")
    find(browser, "[name=description]").send_keys("A long thought")
    browser.execute_script("sessionStorage.setItem('orq_changed', String(Date.now() + 60000))")
    find(browser, ".rail a[href='/providers/'], .dock a[href='/providers/']").click()
    wait(browser, lambda page: page.current_url.endswith("/providers/"))
    ready(browser)
    browser.back()
    wait(browser, lambda page: page.current_url.endswith("/tasks/new/"))
    ready(browser)
    assert find(browser, "[name=description]").get_attribute("value") == "A long thought"
