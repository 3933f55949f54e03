"""One Chromium for each module, and who sits before it."""

from __future__ import annotations

import shutil

import pytest
from django.utils import timezone
from selenium import webdriver
from selenium.webdriver.chrome.service import Service


@pytest.fixture(scope="module")
def chromium():
    driver_path, browser_path = shutil.which("chromedriver"), shutil.which("chromium") or shutil.which("chrome")
    if not driver_path or not browser_path:
        pytest.skip("Chromium and its driver are not installed; ./orq test installs them.")
    options = webdriver.ChromeOptions()
    options.binary_location = browser_path
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,800"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver_path))
    yield browser
    browser.quit()


@pytest.fixture
def actor(actor):
    """Whose team has been through the first steps."""
    actor.team.set_up_at = timezone.now()
    actor.team.save()
    return actor


@pytest.fixture
def product(transactional_db):
    from tests.e2e.served import product_at_work  # not before Django is ready

    with product_at_work() as product:
        yield product
