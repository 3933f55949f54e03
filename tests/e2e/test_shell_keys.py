"""Palette, keys, theme, language and live notifications in a real browser."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from apps.chat.models import Conversation
from tests.e2e.browser import entered, find, ready, wait
from tests.factories import signed_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TELL = "document.dispatchEvent(new CustomEvent('orq:notification', {detail: arguments[0]}))"


@pytest.fixture
def browser(chromium, live_server, actor):
    entered(chromium, live_server.url, actor)
    chromium.get(f"{live_server.url}/providers/")
    ready(chromium)
    return chromium


def of_html(browser, name: str) -> str:
    return browser.execute_script("return document.documentElement.getAttribute(arguments[0])", name)


def press(browser, *keys: str) -> None:
    ActionChains(browser).send_keys(*keys).perform()


def open_palette(browser) -> None:
    ActionChains(browser).key_down(Keys.CONTROL).send_keys("k").key_up(Keys.CONTROL).perform()
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, "#palette[open] [role=option]"))


def chosen(browser) -> str:
    """The title of the option that is marked, by way of what a screen reader is told."""
    marked = find(browser, "#palette-input").get_attribute("aria-activedescendant")
    return browser.find_element(By.ID, marked).find_element(By.CSS_SELECTOR, "span").text if marked else ""


def test_the_palette_opens_a_conversation_by_keys_alone(browser, live_server, actor):
    talk = Conversation.objects.create(team=actor.team, owner=actor.user, title="Zebra crossings")
    open_palette(browser)
    press(browser, "zebra")
    wait(browser, lambda page: chosen(page) == "Zebra crossings")
    press(browser, Keys.ENTER)
    wait(browser, lambda page: page.current_url == f"{live_server.url}/chat/{talk.public_id}/")


def test_arrows_move_through_the_palette_and_escape_closes_it(browser):
    open_palette(browser)
    first = chosen(browser)
    press(browser, Keys.ARROW_DOWN)
    second = wait(browser, lambda page: chosen(page) != first and chosen(page))
    press(browser, Keys.ARROW_UP)
    wait(browser, lambda page: chosen(page) == first)
    assert second != first
    selected = browser.find_elements(By.CSS_SELECTOR, "#palette-list [aria-selected=true]")
    assert len(selected) == 1
    press(browser, Keys.ESCAPE)
    wait(browser, lambda page: not page.find_elements(By.CSS_SELECTOR, "#palette[open]"))


def test_enter_before_the_answer_opens_what_the_answer_brings(browser, live_server):
    open_palette(browser)
    press(browser, "budgets", Keys.ENTER)
    wait(browser, lambda page: page.current_url == f"{live_server.url}/budgets/")


def test_the_palette_changes_the_theme_and_stays_on_the_page(browser, live_server):
    browser.get(f"{live_server.url}/tasks/?status=failed")
    ready(browser)
    find(browser, "[data-palette-open]").click()
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, "#palette[open] [role=option]"))
    press(browser, "dark")
    wait(browser, lambda page: chosen(page) == "Theme: dark")
    press(browser, Keys.ENTER)
    wait(browser, lambda page: of_html(page, "data-theme") == "dark")
    assert browser.current_url == f"{live_server.url}/tasks/?status=failed"


def test_the_theme_is_in_the_page_before_any_script(browser, live_server, actor):
    actor.user.theme = "dark"
    actor.user.save()
    client = signed_in(actor)
    assert 'data-theme="dark"' in client.get("/providers/").content.decode().partition("<head>")[0]


def test_keys_lead_to_pages_and_never_while_something_is_typed(browser, live_server):
    press(browser, "g", "t")
    wait(browser, lambda page: page.current_url == f"{live_server.url}/tasks/")
    ready(browser)
    browser.get(f"{live_server.url}/tasks/new/")
    ready(browser)
    field = find(browser, "[name=description]")
    field.send_keys("g p and ? and n")
    assert field.get_attribute("value") == "g p and ? and n"
    assert browser.current_url == f"{live_server.url}/tasks/new/"
    assert not browser.find_elements(By.CSS_SELECTOR, "dialog[open]")


def test_a_question_mark_lists_the_keys_and_they_can_be_switched_off(browser, live_server):
    press(browser, "?")
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, "#keyboard[open]"))
    assert "New task" in find(browser, "#keyboard").text
    find(browser, "#keys-on").click()
    press(browser, Keys.ESCAPE)
    wait(browser, lambda page: not page.find_elements(By.CSS_SELECTOR, "#keyboard[open]"))
    press(browser, "g", "t", "?")
    open_palette(browser)  # what needs Ctrl still works; by now the keys before it have had their effect
    assert browser.current_url == f"{live_server.url}/providers/"
    assert not browser.find_elements(By.CSS_SELECTOR, "#keyboard[open]")
    browser.execute_script("localStorage.clear()")


def test_another_language_comes_back_to_the_same_page(browser, live_server):
    browser.get(f"{live_server.url}/tasks/?status=failed")
    ready(browser)
    find(browser, "[popovertarget=person-menu]").click()
    find(browser, "#person-menu [name=language][value=pt-br]").click()
    wait(browser, lambda page: of_html(page, "lang") == "pt-br")
    assert browser.current_url == f"{live_server.url}/tasks/?status=failed"


def test_a_notification_is_shown_once_with_the_count_that_the_server_gave(browser):
    note = {"event": "new", "id": "1b4e28ba-2fa1-41d2-883f-0016d3cca427", "title": "Finished: ducks", "body": "", "unread": 4}
    for _time in range(2):
        browser.execute_script(TELL, note)
    toast = wait(browser, lambda page: find(page, ".toast"))
    assert "Finished: ducks" in toast.text and toast.find_element(By.TAG_NAME, "a").get_attribute("href").endswith(
        f"/notifications/{note['id']}/"
    )
    assert len(browser.find_elements(By.CSS_SELECTOR, ".toast")) == 1
    assert find(browser, "#bell-count").text == "4"
    browser.execute_script(TELL, {"event": "read", "unread": 0, "as_of": 2e10})
    browser.execute_script(TELL, {"event": "read", "unread": 3, "as_of": 1e10})  # counted before, and late
    wait(browser, lambda page: not find(page, "#bell-count").is_displayed())


def test_relative_times_are_right_where_the_clock_is_wrong_by_a_day(browser, live_server):
    wrong = "const real = Date.now; Date.now = () => real() + 86400000;"
    shift = f"{wrong} Object.defineProperty(Performance.prototype, 'timeOrigin', {{value: real() + 86400000}})"
    added = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": shift})
    try:
        browser.get(f"{live_server.url}/providers/")
        ready(browser)
        off = browser.execute_async_script(
            "const done = arguments[0]; import('orq/session').then(({now}) => done(Date.now() - now()))"
        )
        assert abs(off - 86_400_000) < 60_000
    finally:
        browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
        browser.get(f"{live_server.url}/providers/")
        ready(browser)
        browser.execute_script("localStorage.clear()")
