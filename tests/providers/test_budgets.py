"""Budgets: what is set aside before a call, what counts after it, when it is renewed, and who hears of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Notification, Role
from apps.common.errors import BadInput, NotAllowed
from apps.providers import selectors, services
from apps.providers.contract import ChatRequest, Completion, Message, Usage
from apps.providers.errors import OverBudget, PriceUnknown
from apps.providers.models import Budget, CreditUsage, Reservation
from tests.factories import make_actor, provider_of
from tests.providers.rows import make_model

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch):
    """The time of now, to be set by a test."""

    class Clock:
        now = NOON

    monkeypatch.setattr(timezone, "now", lambda: Clock.now)
    return Clock


def vendor(actor):
    """A provider that is not on our own machines."""
    provider = provider_of(actor)
    provider.is_local = False
    provider.save()
    return provider


@pytest.fixture
def actor(clock):
    return make_actor()


@pytest.fixture
def model(actor):
    """A million tokens of prompt cost one dollar, and so do a million written ones."""
    given = {"key": "paid", "price_input": Decimal(1), "price_output": Decimal(1)}
    return make_model(actor, vendor(actor), **given)


def set_budget(actor, limit="10", *, scope="team", period="month", **more):
    return services.budget_create(actor, scope=scope, period=period, limit_usd=Decimal(limit), **more)


def reserve(actor, amount="1", **more):
    given = {"team_id": actor.team.pk, "owner_id": actor.user.pk, "model_name": "Paid", "purpose": "execute"}
    return services.budget_reserve(**{**given, "amount_usd": None if amount is None else Decimal(amount), **more})


def pay(actor, model, cost="1", **more):
    said = Completion("yes", "stop", Usage(int(Decimal(cost) * 1_000_000), 0), "paid")
    given = {"team_id": actor.team.pk, "owner_id": actor.user.pk, "model": model, "purpose": "execute", "completion": said}
    return services.usage_record(**{**given, **more})


def state(actor, budget):
    return selectors.budget_state(actor, selectors.access_budget(actor, budget.public_id))


# ── Before the call ───────────────────────────────────────────────────────────────────────────────────────────────
def test_without_a_budget_nothing_is_set_aside_and_one_query_is_asked(actor, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert reserve(actor) is None
    assert not Reservation.objects.exists()


def test_a_free_call_passes_whatever_the_budget_and_asks_nothing(actor, django_assert_num_queries):
    set_budget(actor, "0")
    with django_assert_num_queries(0):
        assert reserve(actor, "0") is None


def test_what_is_set_aside_is_shown_and_no_longer_left(actor):
    budget = set_budget(actor, "10")
    reserve(actor, "2.50")
    shown = state(actor, budget)
    assert (shown["spent_usd"], shown["held_usd"], shown["left_usd"]) == (0, Decimal("2.5"), Decimal("7.5"))


def test_a_refusal_names_the_budget_what_is_left_and_when_it_is_renewed(actor, model):
    set_budget(actor, "10")
    pay(actor, model, "9.60")
    with pytest.raises(OverBudget) as caught:
        reserve(actor, "0.80")
    assert caught.value.message == (
        "The next call could cost US$ 0.8000. Of the team's monthly budget (US$ 10.00), US$ 0.4000 is left. "
        "It is renewed on Dec. 1, 2026, 00:00 UTC; wait for that, or have the budget raised."
    )
    assert (caught.value.status, caught.value.is_held) == (429, False)
    assert caught.value.retry_after_s == timedelta(days=10, hours=12).total_seconds()
    assert not Reservation.objects.exists()


def test_only_calls_under_way_being_in_the_way_is_said_apart(actor, model):
    set_budget(actor, "10")
    first = reserve(actor, "6")
    with pytest.raises(OverBudget) as caught:
        reserve(actor, "5")
    assert caught.value.is_held
    assert caught.value.retry_after_s < 10
    assert "US$ 10.00 is left and US$ 6.00 is set aside for calls under way" in caught.value.message
    pay(actor, model, "0.01", reservation=first)
    assert reserve(actor, "5").amount_usd == 5


def test_the_last_cent_can_be_spent_and_not_one_more(actor, model):
    set_budget(actor, "1")
    for _call in range(10):  # in floating point, ten tenths are less than one
        pay(actor, model, "0.1", reservation=reserve(actor, "0.1"))
    with pytest.raises(OverBudget):
        reserve(actor, "0.00000001")
    assert Budget.objects.get().spent_usd == 1


def test_what_is_smaller_than_the_smallest_sum_is_set_aside_as_that(actor):
    set_budget(actor, "10")
    assert reserve(actor, "0.000000001").amount_usd == Decimal("0.00000001")


def test_the_strictest_of_several_budgets_decides(actor, model):
    set_budget(actor, "100", period="month")
    set_budget(actor, "5", period="day")
    set_budget(actor, "2", scope="person", person=actor.user)
    reserve(actor, "2")
    with pytest.raises(OverBudget) as caught:
        reserve(actor, "0.5")
    assert caught.value.budget["scope"] == "person"


def test_of_two_that_refuse_the_one_that_is_in_the_way_longer_is_named(actor, model):
    set_budget(actor, "1", period="day")
    set_budget(actor, "1", period="month")
    with pytest.raises(OverBudget) as caught:
        reserve(actor, "2")
    assert caught.value.budget["period"] == "month"


def test_a_budget_counts_for_nobody_else(actor):
    colleague, stranger = make_actor(Role.MEMBER, team=actor.team), make_actor()
    key = uuid4()
    set_budget(actor, "1", scope="person", person=actor.user)
    set_budget(actor, "1", scope="key", key_id=key)
    assert reserve(colleague, "5") is None
    assert reserve(stranger, "5") is None
    assert reserve(colleague, "5", key_id=uuid4()) is None
    with pytest.raises(OverBudget):
        reserve(colleague, "5", key_id=key)
    with pytest.raises(OverBudget):
        reserve(actor, "5")


def test_what_a_colleague_has_set_aside_is_held_from_the_teams_budget_alone(actor):
    colleague = make_actor(Role.MEMBER, team=actor.team)
    team, own = set_budget(actor, "10"), set_budget(actor, "10", scope="person", person=actor.user)
    reserve(colleague, "4")
    reserve(actor, "1")
    assert (state(actor, team)["held_usd"], state(actor, own)["held_usd"]) == (5, 1)


def test_a_key_has_its_own_account_beside_its_persons(actor, model):
    key = uuid4()
    of_key = set_budget(actor, "3", scope="key", key_id=key, person=actor.user)
    own = set_budget(actor, "10", scope="person", person=actor.user)
    pay(actor, model, "2", key_id=key, reservation=reserve(actor, "2", key_id=key))
    pay(actor, model, "1")
    reserve(actor, "1", key_id=key)
    assert (state(actor, of_key)["spent_usd"], state(actor, of_key)["held_usd"]) == (2, 1)
    assert (state(actor, own)["spent_usd"], state(actor, own)["held_usd"]) == (3, 1)


def test_an_unknown_price_is_refused_by_name_where_a_budget_is_in_force_alone(actor):
    assert reserve(actor, None) is None
    set_budget(actor, "10")
    with pytest.raises(PriceUnknown) as caught:
        reserve(actor, None, model_name="Mystery 7B")
    assert "Mystery 7B" in caught.value.message
    Budget.objects.update(is_active=False)
    assert reserve(actor, None) is None


def test_a_write_that_is_repeated_reserves_once(actor):
    budget = set_budget(actor, "10")
    known = uuid4()
    reserve(actor, "6", public_id=known)
    assert reserve(actor, "6", public_id=known).public_id == known
    assert state(actor, budget)["held_usd"] == 6


# ── After the call ────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_settled_call_counts_what_it_cost_and_holds_nothing(actor, model):
    budget = set_budget(actor, "10")
    made = reserve(actor, "3")
    pay(actor, model, "0.5", reservation=made)
    shown = state(actor, budget)
    assert (shown["spent_usd"], shown["held_usd"], shown["percent"]) == (Decimal("0.5"), 0, 5)
    made = Reservation.objects.get()
    assert (made.cost_usd, made.left_usd, made.settled_at) == (Decimal("0.5"), 0, NOON)


def test_a_call_that_failed_without_an_answer_gives_all_back(actor, model):
    budget = set_budget(actor, "10")
    pay(actor, model, completion=None, error_code="overloaded", reservation=reserve(actor, "3"))
    assert state(actor, budget)["left_usd"] == 10


def test_a_call_that_cost_more_than_was_thought_counts_whole(actor, model):
    budget = set_budget(actor, "10")
    pay(actor, model, "4", reservation=reserve(actor, "3"))
    shown = state(actor, budget)
    assert (shown["spent_usd"], shown["held_usd"], shown["left_usd"]) == (4, 0, 6)


def test_one_reservation_covers_author_checker_and_judge(actor, model):
    budget = set_budget(actor, "10")
    ladder = reserve(actor, "6")
    pay(actor, model, "1", reservation=ladder, is_last=False)
    pay(actor, model, "2", reservation=ladder, is_last=False)
    shown = state(actor, budget)
    assert (shown["spent_usd"], shown["held_usd"], shown["left_usd"]) == (3, 3, 4)
    with pytest.raises(OverBudget):
        reserve(actor, "4.5")
    pay(actor, model, "1.5", reservation=ladder)
    shown = state(actor, budget)
    assert (shown["spent_usd"], shown["held_usd"]) == (Decimal("4.5"), 0)
    assert Reservation.objects.get().cost_usd == Decimal("4.5")


def test_drawing_more_than_was_set_aside_holds_nothing_instead_of_less_than_nothing(actor, model):
    budget = set_budget(actor, "10")
    pay(actor, model, "2", reservation=reserve(actor, "1"), is_last=False)
    shown = state(actor, budget)
    assert (shown["spent_usd"], shown["held_usd"]) == (2, 0)


def test_what_is_released_is_free_again(actor):
    budget = set_budget(actor, "10")
    services.reservation_release(reserve(actor, "6"))
    assert state(actor, budget)["left_usd"] == 10


def test_what_a_task_left_behind_is_released_together(actor):
    task, other = uuid4(), uuid4()
    budget = set_budget(actor, "10")
    for linked in (task, task, other):
        reserve(actor, "1", linked_execution=linked)
    assert services.reservations_release(task) == 2
    assert state(actor, budget)["held_usd"] == 1


def test_a_reservation_that_nobody_settled_expires_by_itself(actor, clock):
    budget = set_budget(actor, "10")
    reserve(actor, "10", ttl_s=60)
    with pytest.raises(OverBudget):
        reserve(actor, "1")
    clock.now += timedelta(seconds=61)
    assert state(actor, budget)["left_usd"] == 10
    assert reserve(actor, "1") is not None


def test_calls_that_were_made_without_a_reservation_count_as_well(actor, model):
    budget = set_budget(actor, "10")
    pay(actor, model, "4")
    assert state(actor, budget)["spent_usd"] == 4


def test_a_call_counts_with_one_query_where_no_budget_is_and_with_none_where_it_was_free(actor, model, django_assert_num_queries):
    free = make_model(actor, provider_of(actor))
    with django_assert_num_queries(1 + 1, exact=True):
        pay(actor, model)
    with django_assert_num_queries(1):
        pay(actor, free)


# ── Days and months ───────────────────────────────────────────────────────────────────────────────────────────────
def test_days_and_months_are_those_of_the_calendar_in_utc():
    day, month = Budget(period="day"), Budget(period="month")
    late = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (day.started_at(late), day.renews_at(late)) == (datetime(2026, 12, 31, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    assert (month.started_at(late), month.renews_at(late)) == (
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )
    february = datetime(2028, 2, 29, 5, tzinfo=UTC)
    assert month.renews_at(february) == datetime(2028, 3, 1, tzinfo=UTC)


def test_a_budget_is_renewed_with_the_next_day_and_the_month_goes_on(actor, model, clock):
    day, month = set_budget(actor, "1", period="day"), set_budget(actor, "10", period="month")
    pay(actor, model, "1")
    with pytest.raises(OverBudget):
        reserve(actor, "0.5")
    clock.now = datetime(2026, 11, 21, 0, 0, 1, tzinfo=UTC)
    assert (state(actor, day)["spent_usd"], state(actor, month)["spent_usd"]) == (0, 1)
    pay(actor, model, "0.25", reservation=reserve(actor, "0.5"))
    assert (state(actor, day)["spent_usd"], state(actor, month)["spent_usd"]) == (Decimal("0.25"), Decimal("1.25"))


def test_a_call_that_begins_a_new_day_counts_once(actor, model, clock):
    budget = set_budget(actor, "10", period="day")
    clock.now += timedelta(days=1)
    pay(actor, model, "2")
    pay(actor, model, "1")
    assert Budget.objects.get(pk=budget.pk).spent_usd == 3


def test_a_call_reserved_before_midnight_counts_for_the_day_in_which_it_ends(actor, model, clock):
    budget = set_budget(actor, "10", period="day")
    over_midnight = reserve(actor, "2", ttl_s=100_000)
    clock.now += timedelta(days=1)
    assert state(actor, budget)["held_usd"] == 2
    pay(actor, model, "1.5", reservation=over_midnight)
    assert (state(actor, budget)["spent_usd"], state(actor, budget)["held_usd"]) == (Decimal("1.5"), 0)


def test_a_machine_whose_clock_is_behind_does_not_begin_the_old_day_again(actor, model, clock):
    budget = set_budget(actor, "10", period="day")
    clock.now += timedelta(days=1)
    pay(actor, model, "3")
    clock.now -= timedelta(days=1)
    reserve(actor, "1")
    assert Budget.objects.get(pk=budget.pk).spent_usd == 3


def test_reservations_of_long_ago_are_thrown_away_when_a_period_begins(actor, model, clock):
    set_budget(actor, "10", period="day")
    pay(actor, model, "1", reservation=reserve(actor, "1"))
    clock.now += timedelta(days=60)
    reserve(actor, "1")
    assert Reservation.objects.count() == 1


def test_a_new_budget_counts_what_was_spent_in_its_period_already(actor, model, clock):
    colleague = make_actor(Role.MEMBER, team=actor.team)
    clock.now -= timedelta(days=40)
    pay(actor, model, "100")
    clock.now = NOON - timedelta(days=3)
    pay(actor, model, "4")
    clock.now = NOON
    pay(actor, model, "1")
    pay(colleague, model, "2")
    assert state(actor, set_budget(actor, "10"))["spent_usd"] == 7
    assert state(actor, set_budget(actor, "10", period="day"))["spent_usd"] == 3
    assert state(actor, set_budget(actor, "10", scope="person", person=actor.user))["spent_usd"] == 5


def test_a_changed_period_and_a_budget_that_comes_into_force_again_are_counted_anew(actor, model, clock):
    clock.now -= timedelta(days=2)
    budget = set_budget(actor, "10")
    pay(actor, model, "1")
    clock.now = NOON
    services.budget_update(actor, budget, period="day")
    assert state(actor, budget)["spent_usd"] == 0
    services.budget_update(actor, budget, period="month", is_active=False)
    pay(actor, model, "2")
    services.budget_update(actor, budget, is_active=True)
    assert state(actor, budget)["spent_usd"] == 3


def test_a_raised_budget_lets_the_next_call_through(actor, model):
    budget = set_budget(actor, "1")
    pay(actor, model, "1")
    with pytest.raises(OverBudget):
        reserve(actor)
    services.budget_update(actor, budget, limit_usd=Decimal(5))
    assert reserve(actor) is not None


# ── Who hears of it ───────────────────────────────────────────────────────────────────────────────────────────────
def told(kind):
    return list(Notification.objects.filter(kind=kind).order_by("pk").values_list("user", "title"))


def test_admins_are_warned_once_when_the_teams_budget_is_nearly_spent(actor, model, clock):
    admin, _member = make_actor(Role.ADMIN, team=actor.team), make_actor(Role.MEMBER, team=actor.team)
    set_budget(actor, "10", period="day", alert_percent=80)
    pay(actor, model, "7.99")
    assert told("budget_alert") == []
    pay(actor, model, "0.01")
    pay(actor, model, "1")
    title = "Nearly spent: the team's daily budget"
    assert told("budget_alert") == [(actor.user.pk, title), (admin.user.pk, title)]
    assert Notification.objects.first().body == "US$ 8.00 of US$ 10.00 is spent. It is renewed on Nov. 21, 2026, 00:00 UTC."
    clock.now += timedelta(days=1)
    pay(actor, model, "9")
    assert len(told("budget_alert")) == 4


def test_a_person_and_whoever_set_their_budget_are_warned(actor, model):
    colleague, _other = make_actor(Role.MEMBER, team=actor.team), make_actor(Role.ADMIN, team=actor.team)
    set_budget(actor, "1", scope="person", person=colleague.user)
    pay(colleague, model, "1")
    title = f"Spent: the monthly budget of {colleague.user.short_name}"
    assert sorted(told("budget_alert")) == sorted([(actor.user.pk, title), (colleague.user.pk, title)])


def test_a_refusal_is_told_once_in_a_period_in_the_readers_language(actor, model, clock, transactional_db):
    actor.user.language = "pt-br"
    actor.user.save()
    set_budget(actor, "1", period="day", alert_percent=100)
    for _try in range(3):
        with pytest.raises(OverBudget):
            reserve(actor, "2")
    assert len(told("budget_refused")) == 1
    assert Notification.objects.get().url == "/budgets/"
    clock.now += timedelta(days=1)
    with pytest.raises(OverBudget):
        reserve(actor, "2")
    assert len(told("budget_refused")) == 2


def test_that_calls_under_way_are_in_the_way_is_no_news(actor, transactional_db):
    set_budget(actor, "1")
    reserve(actor, "1")
    with pytest.raises(OverBudget):
        reserve(actor, "1")
    assert told("budget_refused") == []


def test_who_reserves_in_a_transaction_tells_of_the_refusal_after_it(actor, transactional_db):
    set_budget(actor, "1")
    with pytest.raises(OverBudget) as caught, transaction.atomic():
        reserve(actor, "2")
    assert told("budget_refused") == []
    services.refusal_tell(caught.value)
    assert len(told("budget_refused")) == 1


# ── Who may set it ────────────────────────────────────────────────────────────────────────────────────────────────
def test_members_set_budgets_for_themselves_and_their_keys_alone(actor):
    member = make_actor(Role.MEMBER, team=actor.team)
    own = set_budget(member, scope="person", person=member.user)
    set_budget(member, scope="key", key_id=uuid4(), person=member.user)
    for refused in (
        {"scope": "team"},
        {"scope": "person", "person": actor.user},
        {"scope": "key", "key_id": uuid4()},
        {"scope": "key", "key_id": uuid4(), "person": actor.user},
    ):
        with pytest.raises(NotAllowed):
            set_budget(member, **refused)
    services.budget_update(member, own, limit_usd=Decimal(3))
    services.budget_delete(member, own)


def test_members_cannot_loosen_what_an_admin_set_for_them(actor):
    member = make_actor(Role.MEMBER, team=actor.team)
    budget = set_budget(actor, scope="person", person=member.user)
    with pytest.raises(NotAllowed):
        services.budget_update(member, budget, limit_usd=Decimal(1000))
    with pytest.raises(NotAllowed):
        services.budget_delete(member, budget)
    assert state(member, budget)["may_change"] is False


def test_viewers_set_nothing(actor):
    viewer = make_actor(Role.VIEWER, team=actor.team)
    with pytest.raises(NotAllowed):
        set_budget(viewer, scope="person", person=viewer.user)


def test_members_see_their_own_budgets_and_admins_all(actor):
    member = make_actor(Role.MEMBER, team=actor.team)
    own = set_budget(actor, scope="person", person=member.user)
    key = set_budget(actor, scope="key", key_id=uuid4(), person=member.user)
    set_budget(actor)
    set_budget(actor, scope="person", person=actor.user)
    assert set(selectors.budgets_visible(member)) == {own, key}
    assert selectors.budgets_visible(actor).count() == 4
    assert not selectors.budgets_visible(make_actor()).exists()


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"limit_usd": Decimal("-0.01")}, "limit_usd"),
        ({"limit_usd": Decimal("NaN")}, "limit_usd"),
        ({"limit_usd": Decimal(1_000_000)}, "limit_usd"),
        ({"period": "week"}, "period"),
        ({"alert_percent": 0}, "alert_percent"),
        ({"scope": "world"}, "scope"),
        ({"scope": "person"}, "person"),
        ({"scope": "key"}, "key_id"),
        ({"scope": "team", "key_id": uuid4()}, "key_id"),
    ],
)
def test_bad_input_is_named(actor, bad, field):
    with pytest.raises(BadInput) as caught:
        services.budget_create(actor, **{"scope": "team", "period": "day", "limit_usd": Decimal(1), **bad})
    assert caught.value.errors[0]["field"] == field


def test_a_budget_is_for_somebody_of_the_team(actor):
    with pytest.raises(BadInput):
        set_budget(actor, scope="person", person=make_actor().user)


# ── The most that a call can cost ─────────────────────────────────────────────────────────────────────────────────
def asked(text="x" * 2_976, **more):
    return ChatRequest("paid", (Message("user", text),), **{"max_output_tokens": 1_000, **more})


def test_the_most_that_a_call_costs_is_its_prompt_and_every_token_it_may_write(actor, model):
    assert services.call_usd(model, asked()) == Decimal("0.002")  # 2,976 bytes / 3 + 8 around it = 1,000 tokens, and 1,000 more


def test_json_may_have_to_be_asked_for_three_times(actor, model):
    plain, with_schema = services.call_usd(model, asked()), services.call_usd(model, asked(json_schema={"type": "object"}))
    assert with_schema > 3 * plain


def test_letters_of_several_bytes_and_pictures_count(actor, model):
    assert services.call_usd(model, asked("漢" * 992)) == Decimal("0.002")
    picture = ChatRequest("paid", (Message("user", "", images=("data:image/png;base64,AA==",)),), max_output_tokens=1)
    assert services.call_usd(model, picture) > Decimal("0.003")


def test_a_free_model_costs_nothing_and_an_unknown_price_is_unknown(actor):
    assert services.call_usd(make_model(actor, provider_of(actor)), asked()) == 0
    assert services.call_usd(make_model(actor, vendor(actor)), asked()) is None


def test_a_ladder_costs_what_author_checker_and_judge_cost_together(actor, model):
    free, unknown = (
        make_model(actor, provider_of(actor)),
        make_model(actor, vendor(actor)),
    )
    alone = services.ladder_usd([model], asked())
    assert alone == services.call_usd(model, asked())
    # The checker reads question and answer (2,000 tokens) and writes 1,000, at most three times, its last words before it.
    assert services.ladder_usd([model, model], asked()) == alone + Decimal("0.012")
    assert services.ladder_usd([model, free], asked()) == alone
    assert services.ladder_usd([model, unknown], asked()) is None
    assert CreditUsage.objects.count() == 0
