"""Looking at pages through a browser."""

from __future__ import annotations

from collections.abc import Callable

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.factories import signed_in

PATIENCE_S = 60  # a machine that is busy with other things takes long


def wait(browser, until: Callable, *, patience_s: float = PATIENCE_S):
    """What `until` gives at last. A part of the page that is replaced while it is looked at is looked at again."""
    again = (NoSuchElementException, StaleElementReferenceException)
    return WebDriverWait(browser, patience_s, ignored_exceptions=again).until(until)


def find(browser, css: str):
    return browser.find_element(By.CSS_SELECTOR, css)


def ready(browser) -> None:
    """Until the page and its modules are there."""
    state = "return document.readyState === 'complete' && document.documentElement.dataset.script === 'on'"
    wait(browser, lambda page: page.execute_script(state))


def entered(browser, url: str, actor) -> None:
    """Signs the person in, in a browser that knew nobody."""
    client = signed_in(actor)
    browser.get(f"{url}/offline/")
    browser.delete_all_cookies()
    browser.execute_script("localStorage.clear(); sessionStorage.clear()")
    browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value, "path": "/"})
    browser.get_log("browser")
