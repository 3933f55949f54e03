"""What happens elsewhere is told in open pages, over a real socket and without a reload; times are told by the server's clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from selenium.webdriver.common.by import By

from apps.accounts.models import Notification
from apps.accounts.notifying import notifications_read, notify
from tests.e2e.browser import entered, find, ready, wait
from tests.factories import make_actor

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.filterwarnings("ignore:Exception ignored.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning"),
]
HEARS = """const done = arguments[0];
document.addEventListener("orq:notification", () => done(true), {once: true});
import(document.querySelector("script[src*='live']").src)
  .then(({isOpen, send}) => isOpen() ? send("notification:state", {}) : done(false))"""
WRONG_BY_A_DAY = """const real = Date.now, each = window.setInterval;
Date.now = () => real() + 86400000;
Object.defineProperty(Performance.prototype, "timeOrigin", {value: real() + 86400000});
window.setInterval = (what, ms) => each(what, ms === 30000 ? 100 : ms);
window.freshened = 0;
new MutationObserver((seen) => { window.freshened += seen.length; }).observe(document, {subtree: true, childList: true});"""


@pytest.fixture
def page(chromium, product, actor):
    entered(chromium, product.url, actor)
    chromium.get(f"{product.url}/providers/")
    ready(chromium)
    wait(chromium, lambda page: page.execute_async_script(HEARS))
    yield chromium
    chromium.get("about:blank")


def test_the_bell_counts_up_and_a_toast_comes(page, actor):
    page.execute_script("window.isTheSamePage = true")
    for number in (1, 2):
        notify(actor.user, kind="task_completed", title=f"Finished: ducks {number}", url="/tasks/", team=actor.team)
        wait(page, lambda page, wanted=str(number): find(page, "#bell-count").text == wanted)
    wait(page, lambda page: [one for one in page.find_elements(By.CSS_SELECTOR, ".toast") if "ducks 1" in one.text])
    assert page.execute_script("return window.isTheSamePage")


def test_what_is_read_elsewhere_is_counted_down(page, actor):
    notify(actor.user, kind="task_failed", title="Failed: ducks", url="/tasks/", team=actor.team)
    wait(page, lambda page: find(page, "#bell-count").text == "1")
    notifications_read(actor)
    wait(page, lambda page: not find(page, "#bell-count").is_displayed())


def test_nobody_hears_of_what_another_is_told(page, actor):
    notify(make_actor().user, kind="task_completed", title="Not yours", url="/tasks/")
    notify(actor.user, kind="task_completed", title="Yours", url="/tasks/", team=actor.team)
    wait(page, lambda page: [one for one in page.find_elements(By.CSS_SELECTOR, ".toast") if "Yours" in one.text])
    assert find(page, "#bell-count").text == "1" and "Not yours" not in find(page, "body").text


def test_five_minutes_ago_stays_so_where_the_clock_is_wrong_by_a_day(page, product, actor):
    page.add_cookie({"name": "orq_language", "value": "pt-br", "path": "/"})
    note = Notification.objects.create(user=actor.user, kind="task_failed", title="Failed: ducks", url="/tasks/")
    Notification.objects.filter(pk=note.pk).update(created_at=timezone.now() - timedelta(minutes=5, seconds=5))
    added = page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WRONG_BY_A_DAY})
    try:
        page.get(f"{product.url}/notifications/")
        ready(page)
        wait(page, lambda page: page.execute_script("return window.freshened") > 3)
        assert find(page, "main time[data-ago]").text == "há 5 minutos"
    finally:
        page.delete_cookie("orq_language")
        page.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)
        page.get(f"{product.url}/offline/")
        page.execute_script("localStorage.clear()")
