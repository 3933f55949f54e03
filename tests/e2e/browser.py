"""Looking at pages through a browser."""

from __future__ import annotations

from collections.abc import Callable

from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 60  # a machine that is busy with other things takes long


def wait(browser, until: Callable, *, patience_s: float = PATIENCE_S):
    return WebDriverWait(browser, patience_s).until(until)


def find(browser, css: str):
    return browser.find_element(By.CSS_SELECTOR, css)
