"""Going over to another model or server: before the first word in silence but told, after it with a visible new beginning."""

from __future__ import annotations

import pytest

from apps.providers.contract import Delta
from apps.providers.errors import AuthenticationFailed, ContentFiltered, Interrupted, ProviderError, Resting, Unreachable
from tests.providers.calls.upstream import (
    QUESTION,
    BytesServer,
    answer_of,
    breaks_off_after,
    heard,
    nobody,
    refuses,
    run,
    says,
    server_at,
    state_of,
    switches,
    text_of,
)
from tests.servers.bytes_server import JSON, answer, whole

pytestmark = pytest.mark.django_db


def test_an_answer_is_what_the_model_says(actor):
    async def story(calls):
        async with BytesServer(says("Good ", "day.")) as server:
            model.provider.base_url = server.url
            await model.provider.asave()
            items = await heard(calls.stream(model, QUESTION))
        return items, server.requests[0].json["model"]

    model = server_at(actor, nobody())
    items, asked = run(story)
    assert [item.text for item in items if isinstance(item, Delta)] == ["Good ", "day."]
    assert (answer_of(items).text, asked, switches(items)) == ("Good day.", "qwen3-8b", [])


def two_models(actor, first, second):
    return server_at(actor, first, "first"), server_at(actor, second, "second")


def ask_both(actor, first_script, *, way="stream", second_script=None, **options):
    """What a call of the first model with the second to fall back on gives; and both models."""

    async def story(calls):
        async with BytesServer(first_script) as one, BytesServer(second_script or says("From ", "the second.")) as two:
            first.provider.base_url, second.provider.base_url = one.url, two.url
            await first.provider.asave()
            await second.provider.asave()
            if way == "stream":
                return await heard(calls.stream(first, QUESTION, fallbacks=[second], **options))
            return await calls.complete(first, QUESTION, fallbacks=[second], **options)

    first, second = two_models(actor, nobody(), nobody())
    return run(story), first, second


def test_before_the_first_word_another_model_answers_and_it_is_told(actor):
    items, first, second = ask_both(actor, refuses("503 Service Unavailable", "overloaded"))
    assert (text_of(items), answer_of(items).text) == ("From the second.", "From the second.")
    [switched] = switches(items)
    assert items.index(switched) == 0
    assert (switched.from_model, switched.to_model) == (first, second)
    assert (switched.error_code, switched.after_first_token, switched.was_asked) == ("overloaded", False, True)
    assert switched.reason
    assert not any(isinstance(item, Delta) and item.restarted for item in items)


def test_after_the_first_word_the_other_model_begins_visibly_anew_and_the_partial_text_is_kept(actor):
    items, _, _ = ask_both(actor, breaks_off_after("Half a ", "sent"))
    assert text_of(items) == "From the second."
    [switched] = switches(items)
    place = items.index(switched)
    assert [item.text for item in items[:place]] == ["Half a ", "sent"]
    assert items[place + 1] == Delta(restarted=True)
    assert (switched.error_code, switched.after_first_token) == ("interrupted", True)
    assert switched.partial is not None
    assert (switched.partial.text, switched.partial.usage.is_estimated) == ("Half a sent", True)


def test_a_reader_who_cannot_take_words_back_gets_the_error_instead(actor):
    with pytest.raises(Interrupted) as caught:
        ask_both(actor, breaks_off_after("Half a ", "sent"), may_restart=False)
    assert caught.value.extra["partial"].text == "Half a sent"


def test_before_the_first_word_such_a_reader_is_served_by_the_other_model(actor):
    items, _, second = ask_both(actor, refuses("503 Service Unavailable", "overloaded"), may_restart=False)
    assert switches(items)[0].to_model == second


def test_a_whole_answer_falls_back_too(actor):
    told = []

    async def tell(item):
        told.append(item)

    completion, first, second = ask_both(
        actor, refuses("500 Oh no"), way="complete", tell=tell, second_script=whole(JSON, answer("Whole."))
    )
    assert completion.text == "Whole."
    assert [(item.from_model, item.to_model) for item in told] == [(first, second)]


def test_when_all_fail_the_last_ones_error_is_raised(actor):
    with pytest.raises(AuthenticationFailed):
        ask_both(actor, refuses("500 Oh no"), second_script=refuses("401 Unauthorized", "bad key"))


def test_what_a_filter_refused_may_be_answered_by_another_model(actor):
    filtered = whole(
        JSON, {"error": {"message": "blocked by content filter", "code": "content_filter"}}, status="400 Bad Request"
    )
    items, first, _ = ask_both(actor, filtered)
    assert switches(items)[0].error_code == ContentFiltered.code
    assert state_of(first) == state_of(first.provider) == ""  # nothing is wrong with it


def test_a_model_that_rests_is_not_asked_and_the_next_one_is(actor):
    async def story(calls):
        async with BytesServer(says("Well.")) as two:
            second.provider.base_url = two.url
            await second.provider.asave()
            for _ in range(2):
                items = await heard(calls.stream(first, QUESTION, fallbacks=[second]))
            return items

    first, second = two_models(actor, nobody(), nobody())
    [switched] = switches(run(story))
    assert (switched.error_code, switched.was_asked) == ("resting", False)
    assert "Nobody answers" in switched.reason


def test_without_anybody_to_fall_back_on_the_error_is_the_models_own(actor):
    model = server_at(actor, nobody())
    with pytest.raises(Unreachable):
        run(lambda calls: heard(calls.stream(model, QUESTION)))
    with pytest.raises(Resting) as caught:
        run(lambda calls: heard(calls.stream(model, QUESTION)))
    assert caught.value.retry_after_s and 50 < caught.value.retry_after_s <= 60
    assert caught.value.extra["error_code"] == "unreachable"


def test_a_model_that_was_removed_is_said_to_be_gone(actor):
    model = server_at(actor, nobody())
    model.provider.delete()
    with pytest.raises(ProviderError, match="removed"):
        run(lambda calls: heard(calls.stream(model, QUESTION)))
