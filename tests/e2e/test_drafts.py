"""What was typed in ordinary forms when the session ended comes back after signing in; secrets do not."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from selenium.webdriver.common.by import By

from tests.e2e.browser import entered, find, ready, wait
from tests.factories import PASSWORD, make_actor
from tests.tasks.scenes import make_cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def actor():
    actor = make_actor()
    actor.team.set_up_at = timezone.now()
    actor.team.save()
    make_cast(actor)
    return actor


@pytest.fixture
def browser(chromium, live_server, actor):
    entered(chromium, live_server.url, actor)
    return chromium


def sent_after_the_session_ended(browser, actor, url: str) -> None:
    """Presses the page's button when nobody is signed in any more, and signs in again."""
    Session.objects.all().delete()
    browser.execute_script("document.querySelector('main form[method=post]').noValidate = true")
    button = find(browser, "main form[method=post] .btn-primary")
    browser.execute_script("arguments[0].disabled = false; arguments[0].click()", button)
    wait(browser, lambda page: "/sign-in/" in page.current_url)
    ready(browser)
    find(browser, "[name=email]").send_keys(actor.user.email)
    find(browser, "[name=password]").send_keys(PASSWORD)
    find(browser, "[name=password]").submit()
    wait(browser, lambda page: page.current_url.startswith(url))
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".toast"))


def test_a_new_task(browser, live_server, actor):
    url = f"{live_server.url}/tasks/new/"
    browser.get(url)
    ready(browser)
    find(browser, "[name=description]").send_keys("A long thought about ducks")
    sent_after_the_session_ended(browser, actor, url)
    assert find(browser, "[name=description]").get_attribute("value") == "A long thought about ducks"


def test_a_template_with_the_rows_of_its_places(browser, live_server, actor):
    url = f"{live_server.url}/templates/new/"
    browser.get(url)
    ready(browser)
    find(browser, "[name=name]").send_keys("Letter")
    find(browser, "[data-body]").send_keys("Dear {{name}}, from {{place}}.")
    defaults = wait(browser, lambda page: (found := page.find_elements(By.CSS_SELECTOR, "[name=variable_default]"))[1:] and found)
    defaults[0].send_keys("Ana")
    defaults[1].send_keys("Recife")
    sent_after_the_session_ended(browser, actor, url)
    assert find(browser, "[name=name]").get_attribute("value") == "Letter"
    values = [one.get_attribute("value") for one in browser.find_elements(By.CSS_SELECTOR, "[name=variable_default]")]
    assert values == ["Ana", "Recife"]


def test_a_key_without_its_secret(browser, live_server, actor):
    url = f"{live_server.url}/api-keys/new/openai/"
    browser.get(url)
    ready(browser)
    name, secret = find(browser, "main form [name=name]"), find(browser, "main form [type=password]")
    name.clear()
    name.send_keys("The shop's key")
    secret.send_keys("sk-very-secret")
    sent_after_the_session_ended(browser, actor, url)
    assert find(browser, "main form [name=name]").get_attribute("value") == "The shop's key"
    assert find(browser, "main form [type=password]").get_attribute("value") == ""
    assert "sk-very-secret" not in browser.execute_script("return JSON.stringify({...sessionStorage, ...localStorage})")
