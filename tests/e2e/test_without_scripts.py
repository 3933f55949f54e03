"""Scripts that are off, or did not come: every page can be read and says what does not work, and its forms work."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By

from apps.accounts.models import Team
from tests.e2e.browser import entered, find, wait
from tests.e2e.test_accessibility import pages_of
from tests.factories import OBJECTS, provider_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NOTICE = """const one = document.querySelector(".no-script");
return one ? one.checkVisibility({visibilityProperty: true}) && one.getBoundingClientRect().height > 10 : null"""
LOOK = """const main = document.querySelector("main");
return {words: main ? main.innerText.trim().length : 0, title: document.title,
  heading: [...document.querySelectorAll("h1, h2")].filter((one) => one.checkVisibility({visibilityProperty: true})).length,
  busy: [...document.querySelectorAll("main [aria-busy=true]")].length}"""


@pytest.fixture
def browser(chromium, live_server, actor):
    """A browser that gets no script of ours."""
    entered(chromium, live_server.url, actor)
    chromium.execute_cdp_cmd("Network.enable", {})
    chromium.execute_cdp_cmd("Network.setBypassServiceWorker", {"bypass": True})
    chromium.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    chromium.execute_cdp_cmd("Network.setBlockedURLs", {"urls": ["*.js"]})
    yield chromium
    chromium.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    chromium.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": False})
    chromium.execute_cdp_cmd("Network.setBypassServiceWorker", {"bypass": False})
    chromium.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_every_page_can_be_read_and_says_what_does_not_work(browser, live_server, actor):
    assert OBJECTS
    unreadable = {}
    for page in pages_of(actor):
        browser.get(f"{live_server.url}{page}")
        look = browser.execute_script(LOOK)
        if look["words"] < 20 or not look["heading"]:
            unreadable[page] = look
        if browser.execute_script("return document.querySelector('.no-script')") is None:
            unreadable[page] = "no notice"
    assert not unreadable


def test_the_notice_comes_when_the_modules_do_not(browser, live_server):
    browser.get(f"{live_server.url}/providers/")
    wait(browser, lambda page: page.execute_script(NOTICE))
    assert "JavaScript" in find(browser, ".no-script").text


def test_the_notice_is_there_at_once_where_scripts_are_off(browser, live_server):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(f"{live_server.url}/providers/")
    assert find(browser, ".no-script").is_displayed()


def test_no_notice_is_shown_where_they_came(browser, live_server):
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
    browser.get(f"{live_server.url}/providers/")
    wait(browser, lambda page: page.execute_script("return document.documentElement.dataset.script === 'on'"))
    assert not find(browser, ".no-script").is_displayed()


def test_plain_forms_work(browser, live_server, actor):
    browser.get(f"{live_server.url}/settings/team/")
    name = find(browser, "main form [name=name]")
    name.clear()
    name.send_keys("The shop")
    name.submit()
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".banner-ok"))
    assert Team.objects.get(pk=actor.team.pk).name == "The shop"


def test_filters_and_ways_work(browser, live_server, actor):
    provider = provider_of(actor)
    browser.get(f"{live_server.url}/providers/")
    browser.find_element(By.CSS_SELECTOR, f"main a[href='/providers/{provider.public_id}/']").click()
    wait(browser, lambda page: provider.display_name in find(page, "h1").text)
