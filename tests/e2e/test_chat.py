"""The chat in a real browser, with a worker that writes and a model whose words the test holds back."""

from __future__ import annotations

import json

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from apps.accounts.models import Role
from apps.chat import services, wire
from apps.chat.models import Conversation, Message
from tests.e2e.attacks import ATTACKS, left_by
from tests.e2e.browser import PATIENCE_S, find, wait
from tests.e2e.served import Model, product_at_work
from tests.factories import make_actor, signed_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    # Django keeps a body in a file of its own and forgets it when the browser leaves in the middle of a request.
    pytest.mark.filterwarnings("ignore:Exception ignored.*SpooledTemporaryFile:pytest.PytestUnraisableExceptionWarning"),
]
ALL = "One two three four five six seven eight nine ten"
WATCH_WORDS = """
    window.seen = new Set();
    const look = () => seen.add(document.querySelector("[data-stream]")?.textContent ?? "");
    new MutationObserver(look).observe(document.querySelector("#chat"), {subtree: true, childList: true, characterData: true});
"""


@pytest.fixture
def model(actor):
    from tests.tasks.routing.upstream import model_at

    served = Model()
    served.row = model_at(actor, "brook")
    served.other = model_at(actor, "crow", "top")
    for row in (served.row, served.other):
        row.provider.base_url = served.url
        row.provider.save()
    yield served
    served.close()


@pytest.fixture
def product(transactional_db, model):
    with product_at_work() as product:
        yield product


def sign_in(browser, product, actor) -> None:
    client = signed_in(actor)
    browser.get(f"{product.url}/sign-in/")
    browser.delete_all_cookies()
    browser.execute_script("localStorage.clear(); sessionStorage.clear()")
    browser.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value, "path": "/"})
    browser.get_log("browser")


@pytest.fixture
def page(chromium, product, actor):
    sign_in(chromium, product, actor)
    yield chromium
    chromium.get("about:blank")  # its socket is closed before the product is


def say(page, words) -> None:
    find(page, "[data-text]").send_keys(words, Keys.ENTER)


def texts(page, css) -> list[str]:
    """Of all that fit, at one moment."""
    return page.execute_script("return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText.trim())", css)


def answers(page, status="complete") -> list[str]:
    return texts(page, f".turn-assistant.is-{status} :is(.prose, .streaming)")


def write_long(page, letter: str, times: int) -> None:
    page.execute_script(
        "const field = document.querySelector('[data-text]'); field.value = arguments[0].repeat(arguments[1]);"
        "field.dispatchEvent(new Event('input', {bubbles: true}))",
        letter,
        times,
    )
    find(page, "[data-text]").send_keys(Keys.ENTER)


def open_conversation(page, product, conversation) -> None:
    page.get(f"{product.url}/chat/{conversation.public_id}/")


def asked_and_answered(actor, *pairs, content="Count", answer=ALL) -> Conversation:
    """A conversation that is over, made without the worker hearing of it."""
    conversation = services.conversation_create(actor)
    parent = None
    for question, said in pairs or ((content, answer),):
        asked = Message.objects.create(conversation=conversation, parent=parent, role="user", content=question)
        parent = Message.objects.create(
            conversation=conversation, parent=asked, role="assistant", content=said, model_name="brook", cost_usd="0.0001"
        )
    Conversation.objects.filter(pk=conversation.pk).update(current=parent, title=(pairs[0][0] if pairs else content)[:60])
    conversation.refresh_from_db()
    return conversation


def test_a_first_message_makes_a_conversation_and_its_answer_comes_word_by_word(page, product, model):
    model.hold(after=3)
    page.get(f"{product.url}/chat/new/")
    say(page, "Count for me")
    wait(page, lambda _: texts(page, ".is-streaming [data-stream]") == ["One two three"])
    assert find(page, ".turn-assistant").get_attribute("aria-busy") == "true"
    assert find(page, "[data-announce]").get_attribute("textContent") == "Answering…"
    address = page.current_url
    assert address.startswith(f"{product.url}/chat/") and "new" not in address
    model.go.set()
    wait(page, lambda _: answers(page) == [ALL])
    wait(page, lambda _: find(page, "[data-announce]").get_attribute("textContent") == "Answer ready")
    wait(page, lambda _: texts(page, ".chat-head h1") == ["Count for me"])
    assert page.title.startswith("Count for me")
    wait(page, lambda _: texts(page, ".chat-row.is-here .clip") == ["Count for me"])
    page.get(address)
    assert answers(page) == [ALL]
    assert not [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"]


def test_stop_keeps_what_has_come(page, product, model):
    model.hold(after=4)
    page.get(f"{product.url}/chat/new/")
    say(page, "Count for me")
    wait(page, lambda _: texts(page, ".is-streaming [data-stream]") == ["One two three four"])
    find(page, "[data-stop-all]").click()
    wait(page, lambda _: answers(page, "stopped") == ["One two three four"])
    assert "Stopped. What had come is kept; paid:" in texts(page, ".turn-stopped")[0]
    assert model.left.wait(PATIENCE_S)
    assert not find(page, "[data-stop-all]").is_displayed()


def test_what_is_sent_meanwhile_waits_its_turn(page, product, model):
    model.hold(after=2)
    page.get(f"{product.url}/chat/new/")
    say(page, "First")
    wait(page, lambda _: answers(page, "streaming") == ["One two"])
    say(page, "Second")
    wait(page, lambda _: "queued: it is answered after the one before" in " ".join(texts(page, ".is-queued .turn-who")))
    assert find(page, "[data-text]").is_enabled()
    model.go.set()
    wait(page, lambda _: answers(page) == [ALL, ALL])
    assert texts(page, ".turn-user .turn-text") == ["First", "Second"]


def test_another_answer_is_a_sibling_and_arrows_lead_back(page, product, actor, model):
    conversation = asked_and_answered(actor, answer="The first answer")
    open_conversation(page, product, conversation)
    find(page, "[data-again]").click()
    wait(page, lambda _: answers(page) == [ALL])
    assert texts(page, ".siblings .num") == ["2 / 2"]
    find(page, ".siblings a[data-branch]").click()
    wait(page, lambda _: answers(page) == ["The first answer"])
    assert texts(page, ".siblings .num") == ["1 / 2"]
    page.refresh()
    assert answers(page) == ["The first answer"]


def test_another_model_is_chosen_for_one_answer(page, product, actor, model):
    open_conversation(page, product, asked_and_answered(actor, answer="The first answer"))
    find(page, "[data-again-with]").click()
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, f"[data-pick='{model.other.public_id}']"))
    find(page, f"[data-pick='{model.other.public_id}']").click()
    wait(page, lambda _: answers(page) == [ALL])
    assert model.asked[-1]["model"] == "crow"
    assert texts(page, "[data-model-name]") == ["Auto"]  # of the conversation


def test_an_edited_question_begins_a_branch(page, product, actor, model):
    open_conversation(page, product, asked_and_answered(actor, content="Count to three", answer="One two three"))
    page.execute_script("document.querySelector('[data-edit]').click()")
    field = find(page, "[data-edit-form] textarea")
    assert field.get_attribute("value") == "Count to three"
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys("Count to ten", Keys.ENTER)
    wait(page, lambda _: answers(page) == [ALL])
    assert texts(page, ".turn-user .turn-text") == ["Count to ten"] and texts(page, ".siblings .num") == ["2 / 2"]


def test_a_second_window_joins_in_the_middle_and_both_end_alike(page, product, actor, model):
    model.hold(after=5)
    page.get(f"{product.url}/chat/new/")
    say(page, "Count")
    wait(page, lambda _: answers(page, "streaming") == ["One two three four five"])
    first, address = page.current_window_handle, page.current_url
    page.switch_to.new_window("tab")
    page.get(address)
    wait(page, lambda _: answers(page, "streaming") == ["One two three four five"])
    page.execute_script(WATCH_WORDS)
    model.go.set()
    wait(page, lambda _: answers(page) == [ALL])
    assert all(ALL.startswith(text) for text in page.execute_script("return [...window.seen]"))
    page.close()
    page.switch_to.window(first)
    wait(page, lambda _: answers(page) == [ALL])


def test_a_second_window_sees_what_the_first_one_says_and_edits_an_old_branch(page, product, actor, model):
    conversation = asked_and_answered(actor, content="Count", answer="One")
    open_conversation(page, product, conversation)
    question = conversation.messages.get(role="user")
    services.message_send(actor, conversation, content="Said elsewhere")
    wait(page, lambda _: texts(page, ".turn-user .turn-text") == ["Count", "Said elsewhere"])
    services.message_send(actor, conversation, content="Edited elsewhere", instead_of=question)
    wait(page, lambda _: texts(page, ".turn-user .turn-text") == ["Edited elsewhere"])


def test_the_list_follows_what_happens_in_other_conversations(page, product, actor, model):
    open_conversation(page, product, asked_and_answered(actor, content="Count"))
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-composer].is-ready"))
    wait(page, lambda _: page.execute_script("return import('orq/live').then((live) => live.isOpen())"))
    model.hold(after=2)
    other = services.conversation_create(actor, title="Begun elsewhere")
    services.message_send(actor, other, content="Count, too")
    wait(page, lambda _: texts(page, ".chat-row .clip") == ["Begun elsewhere", "Count"])
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, ".chat-row .badge-live"))
    model.go.set()
    wait(page, lambda _: not page.find_elements(By.CSS_SELECTOR, ".chat-row .badge-live"))


def test_a_lost_connection_goes_on_where_it_was(page, product, actor, model):
    model.hold(after=5)
    page.get(f"{product.url}/chat/new/")
    say(page, "Count")
    wait(page, lambda _: answers(page, "streaming") == ["One two three four five"])
    product.stop()
    model.go.set()
    wait(page, lambda _: Message.objects.filter(status="complete", role="assistant").exists())
    product.start()
    wait(page, lambda _: answers(page) == [ALL])


def test_what_is_written_offline_is_sent_once_when_the_server_is_back(page, product, actor, model):
    conversation = asked_and_answered(actor)
    open_conversation(page, product, conversation)
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-composer].is-ready"))
    product.stop()
    say(page, "Written offline")
    wait(page, lambda _: texts(page, ".is-pending .turn-state") == ["Waiting for connection. It is sent by itself."])
    assert find(page, "[data-text]").get_attribute("value") == ""
    product.start()
    wait(page, lambda _: not texts(page, ".is-pending"))
    wait(page, lambda _: answers(page) == [ALL, ALL])
    assert Message.objects.filter(content="Written offline").count() == 1


def test_what_was_written_in_a_page_that_is_closed_is_sent_from_the_next_one(page, product, actor, model):
    conversation = asked_and_answered(actor)
    open_conversation(page, product, conversation)
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-composer].is-ready"))
    product.stop()
    say(page, "Written offline")
    wait(page, lambda _: texts(page, ".is-pending .turn-state") == ["Waiting for connection. It is sent by itself."])
    page.get("about:blank")
    product.start()
    page.get(f"{product.url}/chat/new/")
    wait(page, lambda _: conversation.messages.filter(content="Written offline").exists())
    assert page.current_url == f"{product.url}/chat/new/" and not texts(page, ".is-pending")


def test_a_draft_survives_a_reload_and_the_end_of_the_session(page, product, actor, model):
    conversation = asked_and_answered(actor)
    open_conversation(page, product, conversation)
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-composer].is-ready"))
    find(page, "[data-text]").send_keys("Half a thou")
    page.refresh()
    wait(page, lambda _: find(page, "[data-text]").get_attribute("value") == "Half a thou")
    page.delete_all_cookies()
    find(page, "[data-text]").send_keys("ght", Keys.ENTER)
    wait(page, lambda _: "You were signed out." in " ".join(texts(page, ".is-pending .turn-state")))
    client = signed_in(actor)
    page.add_cookie({"name": "sessionid", "value": client.cookies["sessionid"].value, "path": "/"})
    page.refresh()
    wait(page, lambda _: answers(page) == [ALL, ALL])
    assert texts(page, ".turn-user .turn-text")[-1] == "Half a thought"


def test_a_message_that_is_too_long_is_refused_and_nothing_is_lost(page, product, actor, model):
    open_conversation(page, product, asked_and_answered(actor))
    write_long(page, "x", 400_001)
    wait(page, lambda _: "A message has at most 400,000 characters" in texts(page, "[data-problem-line]")[0])
    assert page.execute_script("return document.querySelector('[data-text]').value.length") == 400_001
    write_long(page, "y", 300_000)
    wait(page, lambda _: Message.objects.filter(content="y" * 300_000).exists())


def test_a_different_ai_checks_an_answer(page, product, actor, model):
    page.get(f"{product.url}/chat/new/")
    say(page, "Count")
    wait(page, lambda _: answers(page) == [ALL])
    assert "not cross-checked" in texts(page, ".turn-evidence summary")[0]
    model.verdict = {"own_answer": ALL, "criteria": [], "defects": [], "summary": "It is right.", "score": 96}
    find(page, "[data-verify]").click()
    wait(page, lambda _: "checked by" in texts(page, ".turn-evidence summary")[0])
    find(page, ".turn-evidence summary").click()
    assert "It is right." in find(page, ".turn-evidence-body").text
    assert len(page.find_elements(By.CSS_SELECTOR, ".turn-evidence .seat")) == 2


def test_a_failed_answer_is_tried_again(page, product, actor, model):
    model.fails = "Come back later"
    page.get(f"{product.url}/chat/new/")
    say(page, "Count")
    wait(page, lambda _: "Come back later" in " ".join(texts(page, ".turn-failed")))
    model.fails = ""
    find(page, ".turn-failed [data-again]").click()
    wait(page, lambda _: answers(page) == [ALL])


def test_on_a_phone_list_and_thread_are_views_of_their_own(page, product, actor, model):
    conversation = asked_and_answered(actor, content="Count")
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.get(f"{product.url}/chat/")
        assert not find(page, ".chat-main").is_displayed()
        find(page, ".chat-row a").click()
        wait(page, lambda _: find(page, ".chat-main").is_displayed() and not find(page, ".chat-side").is_displayed())
        assert page.execute_script("return document.documentElement.scrollWidth") == 390
        assert find(page, "[data-text]").is_displayed()
        find(page, ".chat-to-list").click()
        wait(page, lambda _: find(page, ".chat-side").is_displayed())
        page.back()
        wait(page, lambda _: str(conversation.public_id) in page.current_url and answers(page) == [ALL])
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_words_of_people_and_ais_run_nothing(page, product, actor, model):
    for attack in ATTACKS:
        conversation = asked_and_answered(actor, content=attack, answer=f"{attack}\n\n`{attack}`")
        services.conversation_update(actor, conversation, title=attack)
        page.get(f"{product.url}/chat/{conversation.public_id}/")
        assert attack in find(page, "[data-raw]").get_attribute("textContent")
        assert not left_by(page), attack
    model.words = [json.dumps(ATTACKS), *ATTACKS]
    say(page, " ".join(" ".join(ATTACKS).split()))
    wait(page, lambda _: len(answers(page)) == 2)
    assert not left_by(page)


def test_a_strategy_is_chosen_and_kept(page, product, actor, model):
    conversation = asked_and_answered(actor)
    open_conversation(page, product, conversation)
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-composer].is-ready"))
    find(page, "[data-picker-open]").click()
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-strategy=best]"))
    assert find(page, "[data-pick=auto][aria-pressed=true]").get_attribute("data-strategy") == "auto"
    find(page, "[data-pick][data-strategy=best]").click()
    wait(page, lambda _: Conversation.objects.filter(pk=conversation.pk, strategy="best").exists())
    page.refresh()
    assert texts(page, "[data-model-name]") == ["Best"]


def test_a_reader_who_looks_back_is_not_moved(page, product, actor, model):
    conversation = asked_and_answered(actor, answer="\n\n".join(f"Paragraph {number}." for number in range(60)))
    model.hold(after=1)
    open_conversation(page, product, conversation)
    say(page, "Count")
    wait(page, lambda _: answers(page, "streaming") == ["One"])
    page.execute_script("document.querySelector('[data-scroll]').scrollTop = 300")
    wait(page, lambda _: find(page, "[data-newest]").is_displayed())
    model.go.set()
    wait(page, lambda _: len(answers(page)) == 2)
    assert page.execute_script("return document.querySelector('[data-scroll]').scrollTop") == 300
    find(page, "[data-newest]").click()
    wait(page, lambda _: not find(page, "[data-newest]").is_displayed())


def test_older_messages_come_without_a_jump(page, product, actor, model):
    conversation = asked_and_answered(actor, *((f"Question {number}.", f"Answer {number}.") for number in range(40)))
    open_conversation(page, product, conversation)
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, ".chat-scroll.is-live"))
    page.execute_script("document.querySelector('[data-scroll]').scrollTop = 0")
    page.execute_script("window.first = document.querySelector('.turn')")
    before = page.execute_script("return window.first.getBoundingClientRect().top")
    page.execute_script("document.querySelector('[data-older]').click()")
    wait(page, lambda _: "Question 0." in texts(page, ".turn-user .turn-text"))
    moved = page.execute_script("return window.first.getBoundingClientRect().top") - before
    assert abs(moved) < 2
    assert len(texts(page, "article.turn")) == 80


def test_conversations_are_deleted_together_and_taken_back(page, product, actor, model):
    for name in ("First", "Second", "Third"):
        asked_and_answered(actor, content=name)
    page.get(f"{product.url}/chat/")
    for box in page.find_elements(By.CSS_SELECTOR, "[name=conversation]")[:2]:
        page.execute_script("arguments[0].click()", box)
    find(page, "[data-many-do=delete]").click()
    wait(page, lambda _: texts(page, ".chat-row .clip") == ["First"])
    find(page, ".toast .undo").click()
    wait(page, lambda _: texts(page, ".chat-row .clip") == ["Third", "Second", "First"])


def test_files_go_with_a_message_and_what_cannot_is_told_beside_its_name(page, product, actor, model, tmp_path):
    (tmp_path / "notes.txt").write_text("The river has three bridges. " * 40)
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)) * 20)
    page.get(f"{product.url}/chat/new/")
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-composer].is-ready"))
    find(page, "[data-file-input]").send_keys(f"{tmp_path / 'notes.txt'}\n{tmp_path / 'noise.bin'}")
    wait(page, lambda _: "neither an image, a PDF nor a text" in " ".join(texts(page, ".composer-files .is-bad")))
    assert "about 387 tokens" in texts(page, ".composer-files .file")[0]
    say(page, "How many bridges?")
    wait(page, lambda _: answers(page) == [ALL])
    assert "notes.txt" in texts(page, ".turn-user .turn-files")[0]
    assert "three bridges" in json.dumps(model.asked[-1]["messages"])
    page.execute_script("document.querySelector('[data-edit]').click()")
    find(page, "[data-edit-form] textarea").send_keys(" And rivers?", Keys.ENTER)
    wait(page, lambda _: texts(page, ".siblings .num") == ["2 / 2"] and answers(page) == [ALL])
    assert "notes.txt" in texts(page, ".turn-user .turn-files")[0]


def test_a_template_is_chosen_filled_in_and_stands_in_the_composer(page, product, actor, model):
    from apps.knowledge.services import template_create

    variables = [{"name": "city", "kind": "text", "label": "Which city?", "required": True}]
    template_create(
        actor, name="Bridges of", title="What bridges it has", body="Name the bridges of {{city}}.", variables=variables
    )
    page.get(f"{product.url}/chat/new/")
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-composer].is-ready"))
    find(page, "[data-text]").send_keys("/bridg")
    wait(page, lambda _: any("/bridges-of" in row for row in texts(page, "[data-slash] [role=option]")))
    assert find(page, "[data-text]").get_attribute("aria-activedescendant") == "slash-0"
    find(page, "[data-text]").send_keys(Keys.ENTER)
    wait(page, lambda _: find(page, "#slash-dialog").is_displayed())
    page.switch_to.active_element.send_keys("Prague", Keys.ENTER)
    wait(page, lambda _: find(page, "[data-text]").get_attribute("value") == "Name the bridges of Prague.")
    assert not find(page, "#slash-dialog").is_displayed()


def test_the_load_of_a_model_moves_and_offers_another(page, product, actor, model):
    conversation = asked_and_answered(actor)
    stage = {"name": "loading_model", "model": "qwen3-8b", "percent": 10, "alternative": {"id": "x", "name": "brook"}}
    Message.objects.filter(role="assistant").update(status="streaming", content="", stage=stage)
    open_conversation(page, product, conversation)
    assert "Loading qwen3-8b into memory 10 %" in texts(page, ".turn-stage")[0]
    assert texts(page, "[data-alternative]") == ["Use brook instead"]
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-composer].is-ready"))
    answer = conversation.messages.get(role="assistant")

    def told(percent: int | None) -> bool:
        wire.tell(conversation, "stage", message_id=str(answer.public_id), stage=percent and {**stage, "percent": percent})
        return percent is None or find(page, ".turn-stage progress").get_attribute("value") == str(percent)

    wait(page, lambda _: told(70))
    Message.objects.filter(pk=answer.pk).update(stage={})
    told(None)
    wait(page, lambda _: not texts(page, ".turn-stage"))


def test_a_thumb_is_kept(page, product, actor, model):
    conversation = asked_and_answered(actor)
    open_conversation(page, product, conversation)
    find(page, "[data-thumb=up]").click()
    wait(page, lambda _: find(page, "[data-thumb=up]").get_attribute("aria-pressed") == "true")
    page.refresh()
    assert find(page, "[data-thumb=up]").get_attribute("aria-pressed") == "true"


def test_it_is_renamed_pinned_and_put_away_by_the_menu(page, product, actor, model):
    conversation = asked_and_answered(actor)
    open_conversation(page, product, conversation)
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-composer].is-ready"))
    find(page, "[popovertarget=chat-menu]").click()
    find(page, "[data-dialog-open=chat-rename]").click()
    wait(page, lambda _: find(page, "#chat-rename").is_displayed())
    find(page, "#chat-title").send_keys(Keys.CONTROL, "a")
    find(page, "#chat-title").send_keys("My rivers", Keys.ENTER)
    wait(page, lambda _: texts(page, ".chat-head h1") == ["My rivers"] and texts(page, ".chat-row .clip") == ["My rivers"])
    find(page, "[popovertarget=chat-menu]").click()
    find(page, "[data-set=is_pinned]").click()
    wait(page, lambda _: Conversation.objects.filter(is_pinned=True).exists())
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-set=is_pinned][data-to=false]"))
    find(page, "[popovertarget=chat-menu]").click()
    find(page, "[data-delete]").click()
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, ".toast .undo"))
    assert page.current_url == f"{product.url}/chat/"
    find(page, ".toast .undo").click()
    wait(page, lambda _: texts(page, ".chat-row .clip") == ["My rivers"])


def test_one_that_is_deleted_elsewhere_says_so(page, product, actor, model):
    conversation = asked_and_answered(actor)
    open_conversation(page, product, conversation)
    wait(page, lambda _: page.find_elements(By.CSS_SELECTOR, "[data-composer].is-ready"))
    services.conversation_delete(actor, conversation)
    wait(page, lambda _: "This conversation was deleted" in " ".join(texts(page, ".toast")))
    assert answers(page) == [ALL]


def test_who_reads_along_sees_words_come_and_cannot_write(page, product, actor, model):
    conversation = asked_and_answered(actor, content="Count")
    services.conversation_update(actor, conversation, is_shared=True)
    sign_in(page, product, make_actor(Role.MEMBER, team=actor.team))
    open_conversation(page, product, conversation)
    assert not page.find_elements(By.CSS_SELECTOR, "[data-composer]")
    services.message_send(actor, conversation, content="And again")
    wait(page, lambda _: answers(page) == [ALL, ALL])
