"""Looking at pages through a browser."""

from __future__ import annotations

from collections.abc import Callable

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 60  # a machine that is busy with other things takes long


def wait(browser, until: Callable, *, patience_s: float = PATIENCE_S):
    """What `until` gives at last. A part of the page that is replaced while it is looked at is looked at again."""
    again = (NoSuchElementException, StaleElementReferenceException)
    return WebDriverWait(browser, patience_s, ignored_exceptions=again).until(until)


def find(browser, css: str):
    return browser.find_element(By.CSS_SELECTOR, css)
