"""What outlasts the network and the session: pages kept by the service worker, and what was typed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone
from selenium.webdriver.common.by import By

from tests.e2e.browser import find, wait
from tests.factories import PASSWORD, make_actor, signed_in, task_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
KEPT = """const done = arguments[0]; (async () => {
  const found = {};
  for (const name of await caches.keys()) {
    found[name] = (await (await caches.open(name)).keys()).map((one) => new URL(one.url).pathname);
  }
  return found; })().then(done)"""


class Line:
    """A way to the server that can be cut. Ending the server would leave the connections that a browser keeps open."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.open: list[socket.socket] = []
        self.door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://localhost:{self.door.getsockname()[1]}"
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        while True:
            try:
                here, _address = self.door.accept()
            except OSError:  # cut
                return
            there = socket.create_connection(("127.0.0.1", self.port))
            self.open += [here, there]
            for ends in ((here, there), (there, here)):
                threading.Thread(target=_pour, args=ends, daemon=True).start()

    def cut(self) -> None:
        for one in (self.door, *self.open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while some := source.recv(65536):
            target.sendall(some)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def server(live_server) -> Iterator[Line]:
    line = Line(int(live_server.url.rpartition(":")[2]))
    yield line
    line.cut()


def enter(browser, url: str, actor) -> None:
    client = signed_in(actor)
    browser.get(f"{url}/offline/")
    browser.delete_all_cookies()
    browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value, "path": "/"})


def with_worker(browser, url: str) -> None:
    """Open a page, and wait until the service worker serves this origin."""
    browser.get(f"{url}/providers/")
    wait(browser, lambda page: page.execute_script("return Boolean(navigator.serviceWorker.controller)"))


def pages_kept(browser) -> list[str]:
    found = browser.execute_async_script(KEPT)
    return [path for name, paths in found.items() if name.startswith("orq-pages-") for path in paths]


def test_lists_and_things_are_read_without_a_network_and_say_of_when_they_are(chromium, server, actor):
    task = task_of(actor)
    enter(chromium, server.url, actor)
    with_worker(chromium, server.url)
    for path in ("/tasks/", f"/tasks/{task.public_id}/", "/api-keys/", "/settings/profile/", "/tasks/?status=failed"):
        chromium.get(f"{server.url}{path}")
    wait(chromium, lambda page: len(pages_kept(page)) == 2)
    assert set(pages_kept(chromium)) == {"/tasks/", f"/tasks/{task.public_id}/"}
    server.cut()

    chromium.get(f"{server.url}/tasks/")
    assert task.title in find(chromium, "main").text
    note = wait(chromium, lambda page: find(page, "#offline-note")).text
    assert "You are offline" in note and str(timezone.now().year) in note
    chromium.get(f"{server.url}/budgets/")
    assert "This page was not kept" in find(chromium, "main").text


def test_signing_out_leaves_nothing_of_a_person_in_the_browser(chromium, server, actor):
    enter(chromium, server.url, actor)
    with_worker(chromium, server.url)
    chromium.get(f"{server.url}/tasks/")
    wait(chromium, lambda page: pages_kept(page) == ["/tasks/"])
    find(chromium, "[popovertarget=person-menu]").click()
    find(chromium, "#person-menu form[action*=sign-out] button").click()
    wait(chromium, lambda page: "/sign-in/" in page.current_url)
    wait(chromium, lambda page: pages_kept(page) == [])


def test_the_pages_of_one_person_go_when_another_comes(chromium, server, actor):
    enter(chromium, server.url, actor)
    with_worker(chromium, server.url)
    chromium.get(f"{server.url}/tasks/")
    wait(chromium, lambda page: pages_kept(page) == ["/tasks/"])
    other = make_actor()
    other.team.set_up_at = timezone.now()
    other.team.save()
    enter(chromium, server.url, other)
    chromium.get(f"{server.url}/providers/")
    wait(chromium, lambda page: pages_kept(page) == [])


def test_what_was_typed_is_there_again_after_signing_in(chromium, server, actor):
    enter(chromium, server.url, actor)
    chromium.get(f"{server.url}/settings/team/")
    wait(chromium, lambda page: page.execute_script("return document.documentElement.dataset.script") == "on")
    field = find(chromium, "form[action*=invite] [name=email]")
    field.send_keys("new.person@example.org")
    Session.objects.all().delete()
    field.submit()
    wait(chromium, lambda page: "/sign-in/" in page.current_url)
    wait(chromium, lambda page: page.execute_script("return document.documentElement.dataset.script") == "on")
    find(chromium, "[name=email]").send_keys(actor.user.email)
    find(chromium, "[name=password]").send_keys(PASSWORD)
    find(chromium, "[name=password]").submit()
    wait(chromium, lambda page: page.current_url.endswith("/settings/team/"))
    wait(
        chromium, lambda page: find(page, "form[action*=invite] [name=email]").get_attribute("value") == "new.person@example.org"
    )
    assert "here again" in wait(chromium, lambda page: find(page, ".toast")).text


def test_a_part_of_a_page_that_meets_an_ended_session_leaves_the_page(chromium, server, actor):
    enter(chromium, server.url, actor)
    chromium.get(f"{server.url}/tasks/new/")
    wait(chromium, lambda page: page.execute_script("return document.documentElement.dataset.script") == "on")
    find(chromium, "[name=description]").send_keys("A long thought")
    Session.objects.all().delete()
    find(chromium, ".bell").click()
    wait(chromium, lambda page: page.find_elements(By.CSS_SELECTOR, "#signed-out[open]"))
    assert find(chromium, "[name=description]").get_attribute("value") == "A long thought"


def test_a_form_is_sent_with_the_mark_of_a_newer_sign_in(chromium, server, actor):
    enter(chromium, server.url, actor)
    chromium.get(f"{server.url}/settings/team/")
    wait(chromium, lambda page: page.execute_script("return document.documentElement.dataset.script") == "on")
    chromium.add_cookie({"name": "csrftoken", "value": "b" * 32, "path": "/"})
    field = find(chromium, "[name=name]")
    field.clear()
    field.send_keys("Another name")
    field.submit()
    wait(chromium, lambda page: page.find_elements(By.CSS_SELECTOR, ".banner-ok"))
    actor.team.refresh_from_db()
    assert actor.team.name == "Another name"
