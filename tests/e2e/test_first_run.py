"""The first hour of a new user: `./orq up`, the one-time link, the practice models, the sample task settled on the screen."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from selenium.webdriver.common.by import By

from tests.e2e.browser import find, wait
from tests.scripts.product import Product, product

pytestmark = [pytest.mark.browser, pytest.mark.slow_start, pytest.mark.sqlite_only]


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with product(tmp_path_factory.mktemp("first") / "home") as running:
        running.wait_ready()
        yield running


def press(browser, text: str) -> None:
    """The link or button that says `text`."""
    said = f"[normalize-space()='{text}']"
    wait(browser, lambda page: page.find_element(By.XPATH, f"//main//a{said} | //main//button{said}")).click()


def test_a_stranger_gets_from_nothing_to_a_settled_task(chromium, started: Product) -> None:
    link = re.search(r"http://\S+/welcome/\S+/", started.text)[0]
    chromium.get(link)
    find(chromium, "[name=email]").send_keys("new@example.org")
    for field in chromium.find_elements(By.CSS_SELECTOR, "[type=password]"):
        field.send_keys("correct horse battery")
    press(chromium, "Create the account")

    press(chromium, "Use the practice models")
    press(chromium, "Ask")
    wait(chromium, lambda page: find(page, "#answer").text.strip())
    press(chromium, "On to the sample task")
    press(chromium, "Run it")

    wait(chromium, lambda page: "/tasks/" in page.current_url)
    wait(chromium, lambda page: "Completed" in find(page, "main h1 ~ *, main header, .task").text, patience_s=60)
    page = find(chromium, "main").text
    assert "Failed" not in page
    steps = wait(chromium, lambda page: (find(page, "#tab-steps").click(), find(page, "#steps").text)[1])
    assert "Judge" in steps and "Orq Mini" in steps
    assert "disputed" in steps.casefold()


def test_a_new_user_writes_a_task_in_portuguese_on_a_phone(chromium, started: Product) -> None:
    home = f"http://127.0.0.1:{started.port}"
    chromium.get(f"{home}/settings/profile/")
    choice = find(chromium, "main select[name=language]")
    choice.find_element(By.CSS_SELECTOR, "[value=pt-br]").click()
    choice.find_element(By.XPATH, "ancestor::form").submit()
    wait(chromium, lambda page: find(page, "html").get_attribute("lang").lower() == "pt-br")
    chromium.set_window_size(390, 844)
    chromium.get(f"{home}/tasks/new/")
    find(chromium, "[name=description]").send_keys("some 3 e 4")
    start = find(chromium, "main form button.btn-primary")
    chromium.execute_script("arguments[0].scrollIntoView({block: 'center'})", start)  # as a thumb would: the dock covers the edge
    start.click()
    wait(chromium, lambda page: "/tasks/new" not in page.current_url)
    wait(chromium, lambda page: "Concluído" in find(page, "main").text, patience_s=60)
    width = chromium.execute_script("return document.documentElement.scrollWidth")
    assert width <= 500  # Chromium's narrowest window is wider than a phone; nothing may stick out of it
    chromium.set_window_size(1280, 800)
