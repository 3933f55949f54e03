"""Messages are removed and brought back, and the last one is said differently, by keys alone."""

from __future__ import annotations

from selenium.webdriver.common.keys import Keys

from apps.chat.models import Message
from tests.e2e.browser import find, wait
from tests.e2e.test_chat import (  # noqa: F401
    ALL,
    answers,
    asked_and_answered,
    model,
    open_conversation,
    page,
    product,
    pytestmark,
    say,
    texts,
)


def remove(page, css: str) -> None:  # noqa: F811
    page.execute_script("document.querySelector(arguments[0] + ' [data-remove]').click()", css)


def test_a_message_goes_with_all_below_it_and_comes_back(page, product, actor, model):  # noqa: F811
    open_conversation(page, product, asked_and_answered(actor, ("One", "1"), ("Two", "2"), ("Three", "3")))
    remove(page, ".turn-user:nth-of-type(3)")
    wait(page, lambda _: answers(page) == ["1"])
    assert "with the 3 messages below it" in find(page, ".toast").text
    find(page, ".toast .undo").click()
    wait(page, lambda _: answers(page) == ["1", "2", "3"])
    assert not texts(page, ".toast")


def test_an_answer_that_was_removed_is_asked_for_again(page, product, actor, model):  # noqa: F811
    open_conversation(page, product, asked_and_answered(actor, content="Count", answer="nothing"))
    remove(page, ".turn-assistant")
    wait(page, lambda _: texts(page, ".turn-user [data-again]") == ["Answer"])
    find(page, ".turn-user [data-again]").click()
    wait(page, lambda _: answers(page) == [ALL])
    assert not texts(page, ".turn-user [data-again]")


def test_where_nothing_is_left_the_page_begins_anew(page, product, actor, model):  # noqa: F811
    open_conversation(page, product, asked_and_answered(actor, content="Count", answer="nothing"))
    remove(page, ".turn-user")
    wait(page, lambda _: texts(page, "[data-start] h2"))
    find(page, ".toast .undo").click()
    wait(page, lambda _: answers(page) == ["nothing"])
    assert not find(page, "[data-start]").is_displayed()


def test_one_under_way_is_stopped_and_another_window_sees_it_go(page, product, actor, model):  # noqa: F811
    model.hold(after=3)
    page.get(f"{product.url}/chat/new/")
    say(page, "Count")
    wait(page, lambda _: answers(page, "streaming") == ["One two three"])
    first, address = page.current_window_handle, page.current_url
    page.switch_to.new_window("tab")
    page.get(address)
    wait(page, lambda _: answers(page, "streaming") == ["One two three"])
    remove(page, ".turn-user")
    wait(page, lambda _: Message.every.filter(status="stopped", removed_at__isnull=False).exists())
    page.close()
    page.switch_to.window(first)
    wait(page, lambda _: not texts(page, ".turn"))
    wait(page, lambda _: not find(page, "[data-stop-all]").is_displayed())


def test_the_last_question_is_said_differently_by_keys_alone(page, product, actor, model):  # noqa: F811
    open_conversation(page, product, asked_and_answered(actor, ("One", "1"), ("Two", "2")))
    field = find(page, "[data-text]")
    field.send_keys(Keys.ARROW_UP)
    edited = page.switch_to.active_element
    assert edited.get_attribute("value") == "Two"
    edited.send_keys(Keys.ESCAPE)
    find(page, "[data-text]").send_keys("x", Keys.ARROW_UP)
    assert not texts(page, "[data-edit-form]")  # what is being written is not left
    find(page, "[data-text]").send_keys(Keys.END, Keys.BACK_SPACE, Keys.ARROW_UP)
    page.switch_to.active_element.send_keys(Keys.END, " more", Keys.ENTER)
    wait(page, lambda _: answers(page) == ["1", ALL])
    assert texts(page, ".turn-user .turn-text") == ["One", "Two more"]
