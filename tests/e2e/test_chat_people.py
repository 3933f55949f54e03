"""One browser and several people, a clock that is wrong, and the way back: what the chat's page makes of them."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By

from apps.accounts.models import Role
from apps.chat.models import Conversation, Message
from tests.e2e.browser import find, ready, wait
from tests.e2e.test_chat import (  # noqa: F401 - fixtures among them
    ALL,
    answers,
    asked_and_answered,
    model,
    open_conversation,
    page,
    product,
    say,
    texts,
)
from tests.factories import make_actor, signed_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    # Django keeps a body in a file of its own and forgets it when the browser leaves in the middle of a request.
    pytest.mark.filterwarnings("ignore:Exception ignored.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning"),
]
WRONG_BY_A_DAY = """
    const Real = Date, off = 86400000;
    globalThis.Date = class extends Real { constructor(...given) { given.length ? super(...given) : super(Real.now() + off); } };
    Date.now = () => Real.now() + off;
    Object.defineProperty(Performance.prototype, "timeOrigin", {value: performance.timeOrigin + off});
"""
OF_CHATS = "return Object.keys(localStorage).filter((name) => /^orq:(outbox|draft)/.test(name))"


def become(page, actor) -> None:  # noqa: F811
    """Somebody else signs in in this browser; pages that are open stay as they are."""
    client = signed_in(actor)
    page.delete_cookie("sessionid")
    page.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value, "path": "/"})


def composing(page, product) -> None:  # noqa: F811
    page.get(f"{product.url}/chat/new/")
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-composer].is-ready"))


def test_what_one_person_wrote_is_not_sent_by_the_next_who_signs_in(page, product, actor, model):  # noqa: F811
    composing(page, product)
    become(page, make_actor(Role.MEMBER, team=actor.team))
    say(page, "Only mine")
    wait(page, lambda _: "You were signed out." in " ".join(texts(page, ".is-pending .turn-state")))
    composing(page, product)
    assert not texts(page, ".is-pending") and find(page, "[data-text]").get_attribute("value") == ""
    assert not Message.objects.exists() and not Conversation.objects.exists()
    become(page, actor)
    page.get(f"{product.url}/chat/new/")
    wait(page, lambda _: Message.objects.filter(content="Only mine", asked_by=actor.user).exists())


def test_signing_out_asks_about_what_was_not_sent_and_leaves_nothing_behind(page, product, actor, model):  # noqa: F811
    composing(page, product)
    product.stop()
    say(page, "Never sent")
    wait(page, lambda _: texts(page, ".is-pending .turn-state") == ["Waiting for connection. It is sent by itself."])
    sign_out = "document.querySelector('[data-sign-out]').requestSubmit()"
    page.execute_script("window.confirm = (words) => { window.asked = words; return false; }")
    page.execute_script(sign_out)
    assert "not been sent" in page.execute_script("return window.asked") and page.execute_script(OF_CHATS)
    page.execute_script("document.addEventListener('submit', (event) => event.preventDefault()); window.confirm = () => true")
    page.execute_script(sign_out)
    assert page.execute_script(OF_CHATS) == []
    product.start()


def test_a_clock_that_is_wrong_by_a_day_changes_nothing_that_is_seen(page, product, actor, model):  # noqa: F811
    open_conversation(page, product, asked_and_answered(actor))
    ready(page)
    right = texts(page, ".chat-row, .turn")
    wrong = page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WRONG_BY_A_DAY})
    try:
        page.refresh()
        ready(page)
        assert texts(page, ".chat-row, .turn") == right
        say(page, "Count")
        wait(page, lambda _: answers(page) == [ALL, ALL])
        assert len(texts(page, ".chat-row")) == 1
    finally:
        page.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", wrong)


def test_coming_back_shows_the_present_state_and_hears_what_follows(page, product, actor, model):  # noqa: F811
    model.hold(after=3)
    composing(page, product)
    say(page, "Count")
    wait(page, lambda _: answers(page, "streaming") == ["One two three"])
    page.get(f"{product.url}/tasks/")
    page.back()
    wait(page, lambda _: answers(page, "streaming") == ["One two three"])
    model.go.set()
    wait(page, lambda _: answers(page) == [ALL])
    page.get(f"{product.url}/tasks/")
    conversation = Conversation.objects.get()
    Conversation.objects.filter(pk=conversation.pk).update(title="Named elsewhere")
    page.back()
    wait(page, lambda _: texts(page, ".chat-row .clip") == ["Named elsewhere"])
    wait(page, lambda _: answers(page) == [ALL])
    say(page, "Count again")
    wait(page, lambda _: answers(page) == [ALL, ALL])


def test_coming_back_to_a_search_shows_what_has_its_words(page, product, actor, model):  # noqa: F811
    asked_and_answered(actor, content="Rivers")
    asked_and_answered(actor, content="Mountains")
    page.get(f"{product.url}/chat/")
    ready(page)
    find(page, ".chat-search [name=q]").send_keys("River")
    wait(page, lambda _: texts(page, ".chat-row .clip") == ["Rivers"])
    page.get(f"{product.url}/tasks/")
    page.back()
    words = "return document.querySelector('.chat-search [name=q]').value"
    expected = {"River": ["Rivers"], "": ["Mountains", "Rivers"]}
    wait(page, lambda _: texts(page, ".chat-row .clip") == expected[page.execute_script(words)])


def test_a_message_of_300_kilobytes_is_kept_as_a_draft_and_sent_whole(page, product, actor, model):  # noqa: F811
    composing(page, product)
    fill = "const field = document.querySelector('[data-text]'); field.value = 'word '.repeat(60000);"
    page.execute_script(fill + "field.dispatchEvent(new Event('input', {bubbles: true}))")
    page.refresh()
    wait(page, lambda _: page.execute_script("return document.querySelector('[data-text]').value.length") == 300_000)
    page.execute_script("document.querySelector('[data-composer]').requestSubmit()")
    wait(page, lambda _: Message.objects.filter(role="user").exists())
    assert len(Message.objects.get(role="user").content) == 299_999
    wait(page, lambda _: Message.objects.exclude(status__in=Message.UNFINISHED).filter(role="assistant").exists())
    wait(page, lambda _: len(texts(page, ".turn-assistant.is-complete, .turn-assistant.is-failed")) == 1)
