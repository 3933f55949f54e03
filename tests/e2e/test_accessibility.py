"""axe-core over every page in both themes, in a real browser: nothing serious, nothing critical.

Pages are taken from the URL configuration, so that a new one is looked at without being named here.
"""

from __future__ import annotations

import pytest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from selenium.common.exceptions import TimeoutException

from apps.accounts.models import Notification
from tests.architecture.addresses import Address, all_addresses
from tests.architecture.test_access import aim
from tests.e2e.browser import wait
from tests.factories import OBJECTS, make_actor, signed_in
from tests.servers.aimock import TOOLS, installed

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NOT_OURS = ("/admin/", "/api/")  # Django's admin, and the API's own pages
STRANGERS = ("/sign-in/", "/welcome/nothing/", "/invitations/nothing/", "/offline/", "/nowhere/")
RUN = """const done = arguments[0];
axe.run(document, {resultTypes: ["violations"]}).then(({violations}) => done(violations
  .filter(({impact}) => impact === "serious" || impact === "critical")
  .map(({id, nodes}) => `${id}: ${nodes.slice(0, 3).map((one) => one.html.slice(0, 160)).join(" | ")}`)),
  (error) => done([String(error)]))"""
OPEN = "const one = document.querySelector(arguments[0]); (one.showModal ?? one.showPopover).call(one)"
STILL = """return document.documentElement.dataset.script === "on" && !document.querySelector(".htmx-request")"""


@pytest.fixture(scope="module")
def axe() -> str:
    installed()
    return (TOOLS / "node_modules" / "axe-core" / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture
def actor():
    actor = make_actor()
    actor.team.set_up_at = timezone.now()
    actor.team.save()
    actor.user.theme = "system"
    actor.user.save()
    Notification.objects.create(user=actor.user, team=actor.team, kind="task_failed", title="Failed: ducks", url="/tasks/")
    return actor


@pytest.fixture
def browser(chromium, live_server, actor):
    chromium.get(f"{live_server.url}/offline/")
    chromium.delete_all_cookies()
    return chromium


def pages_of(actor) -> list[str]:
    """Every address that answers this person with a whole page."""
    client = signed_in(actor)
    client.raise_request_exception = False  # that a page is drawn at all is another test's business
    found = []
    for address in all_addresses():
        if address.template.startswith((*NOT_OURS, "/offline/")) or "^" in address.template or not address.name:
            continue
        url = url_of(address, actor)
        if url is None:
            continue
        answer = client.get(url)
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html") and b"<html" in answer.getvalue():
            found.append(url)
    return found


def url_of(address: Address, actor) -> str | None:
    if not address.parameters:
        try:
            return reverse(address.name)
        except NoReverseMatch:
            return None
    if len(address.objects) != len(address.parameters):
        return None
    try:
        return aim(address, actor).url
    except AssertionError:  # an object that no factory makes: the access test says so
        return None


def enter(browser, actor) -> None:
    browser.add_cookie({"name": "sessionid", "value": signed_in(actor).cookies["sessionid"].value, "path": "/"})


def paint(browser, theme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": "reduce"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def wrong_on(browser, url: str, axe: str) -> list[str]:
    browser.get(url)
    try:
        wait(browser, lambda page: page.execute_script(STILL))
    except TimeoutException:
        return ["its script did not start, or a part of it never came"]
    browser.execute_script(axe)
    return browser.execute_async_script(RUN)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_shuts_anybody_out(browser, live_server, actor, axe, theme):
    assert OBJECTS
    pages = pages_of(actor)
    assert len(pages) > 50
    enter(browser, actor)
    paint(browser, theme)
    wrong = {page: found for page in pages if (found := wrong_on(browser, f"{live_server.url}{page}", axe))}
    assert not wrong


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_of_strangers_shuts_anybody_out(browser, live_server, axe, theme):
    paint(browser, theme)
    wrong = {}
    for page in STRANGERS:
        browser.get(f"{live_server.url}{page}")
        browser.execute_script(axe)
        if found := browser.execute_async_script(RUN):
            wrong[page] = found
    assert not wrong


@pytest.mark.parametrize("opened", ["#palette", "#keyboard", "#signed-out", "#person-menu", "#bell-menu"])
def test_what_opens_over_a_page_shuts_nobody_out(browser, live_server, actor, axe, opened):
    enter(browser, actor)
    browser.get(f"{live_server.url}/providers/")
    wait(browser, lambda page: page.execute_script(STILL))
    if opened == "#palette":
        browser.execute_script("document.querySelector('[data-palette-open]').click()")
        wait(browser, lambda page: page.execute_script("return document.querySelectorAll('#palette [role=option]').length"))
    else:
        browser.execute_script(
            "const one = document.querySelector(arguments[0]); (one.showModal ?? one.showPopover).call(one)", opened
        )
    if opened == "#bell-menu":
        wait(browser, lambda page: page.execute_script("return document.querySelectorAll('#bell-menu .note').length"))
    browser.execute_script(axe)
    assert browser.execute_async_script(RUN) == []
