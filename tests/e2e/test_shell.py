"""The shell in a real browser: nothing is refused by the security policy, and menus, dialogs, rail and toasts work."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from apps.accounts.models import Notification
from tests.e2e.browser import entered, find, wait
from tests.factories import provider_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def browser(chromium, live_server, actor):
    entered(chromium, live_server.url, actor)
    return chromium


def test_the_policy_refuses_nothing_on_our_pages(browser, live_server, actor):
    provider = provider_of(actor)
    for path in ("/", "/providers/", f"/providers/{provider.public_id}/", "/tasks/new/", "/settings/profile/"):
        browser.get(f"{live_server.url}{path}")
        refused = [entry["message"] for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]]
        assert not refused


def test_the_policy_refuses_nothing_on_pages_of_others(browser, live_server, actor):
    actor.user.is_staff = actor.user.is_superuser = True
    actor.user.save()
    for path in ("/admin/", "/admin/tasks/task/", "/admin/accounts/team/add/", "/api/docs/", "/api/tasks/"):
        browser.get(f"{live_server.url}{path}")
        wait(browser, lambda page: page.execute_script("return document.readyState") == "complete")
        refused = [entry["message"] for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]]
        assert not refused, (path, [one[:160] + one[-260:] for one in refused])
    browser.get(f"{live_server.url}/api/docs/")
    wait(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".opblock"))


def test_the_rail_folds_and_stays_folded(browser, live_server):
    browser.get(f"{live_server.url}/providers/")
    find(browser, "[data-rail-toggle]").click()
    wait(browser, lambda page: find(page, ".rail").size["width"] < 100)
    browser.get(f"{live_server.url}/tasks/")
    assert find(browser, ".rail").size["width"] < 100


def test_the_bell_opens_reads_and_forgets_its_count(browser, live_server, actor):
    Notification.objects.create(user=actor.user, kind="task_completed", title="The sample is done", url="/tasks/")
    browser.get(f"{live_server.url}/providers/")
    assert find(browser, "#bell-count").text == "1"
    find(browser, ".bell").click()
    wait(browser, lambda page: "The sample is done" in find(page, "#bell-menu").text)
    find(browser, "#bell-menu button").click()
    wait(browser, lambda page: not find(page, "#bell-count").is_displayed())
    assert Notification.objects.get().read_at


def test_the_person_menu_closes_with_escape(browser, live_server):
    browser.get(f"{live_server.url}/providers/")
    find(browser, "[popovertarget=person-menu]").click()
    wait(browser, lambda page: find(page, "#person-menu").is_displayed())
    find(browser, "body").send_keys(Keys.ESCAPE)
    wait(browser, lambda page: not find(page, "#person-menu").is_displayed())


def test_deleting_waits_until_the_name_is_typed(browser, live_server, actor):
    provider = provider_of(actor)
    browser.get(f"{live_server.url}/providers/{provider.public_id}/")
    find(browser, "[data-dialog-open=delete-provider]").click()
    button, field = find(browser, "#delete-provider [type=submit]"), find(browser, "#typed-name")
    field.send_keys(provider.display_name[:-1])
    assert not button.is_enabled()
    field.send_keys(provider.display_name[-1])
    wait(browser, lambda page: button.is_enabled())
    button.click()
    wait(browser, lambda page: page.current_url.endswith("/providers/"))


def test_a_toast_is_text_whatever_it_holds(browser, live_server):
    browser.get(f"{live_server.url}/providers/")
    browser.execute_script("document.dispatchEvent(new CustomEvent('orq:toast', {detail: {message: '<b>hello</b>'}}))")
    assert "<b>hello</b>" in wait(browser, lambda page: find(page, ".toast")).text


def test_the_skip_link_leads_to_the_content(browser, live_server):
    browser.get(f"{live_server.url}/providers/")
    find(browser, "body").send_keys(Keys.TAB)
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    wait(browser, lambda page: page.switch_to.active_element.get_attribute("id") == "content")
