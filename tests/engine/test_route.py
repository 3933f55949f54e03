"""One prompt on its way: who is asked, when it rises, what a second opinion changes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from apps.providers.contract import ChatRequest, Completion, Delta, Message, ToolCall, Usage
from apps.providers.errors import Overloaded, ProviderTimeout
from apps.tasks.engine.errors import NoModel, NoModelAnswered, OverBudget
from apps.tasks.engine.route import RouteContext, route
from apps.tasks.engine.routing.escalate import DEFAULT_RULES
from apps.tasks.engine.routing.types import Routed, RoutedPrompt, RouteSettings, Rule
from apps.tasks.engine.types import Candidate, ModelRef, Quality

EASY = "Hi! Thanks."
HARD = (
    "Prove that for every prime p > 3 the number p^2 - 1 is divisible by 24, then generalise the argument to products of two "
    "distinct primes, derive the asymptotic density of the exceptions and implement a verified algorithm with O(n log n) cost."
)


def candidate(name: str, tier: str = "fast", price: str | None = "1", **more: Any) -> Candidate:
    usd = None if price is None else Decimal(price)
    ref = ModelRef(id=name, provider="p", model=name, label=name, family=name, tier=tier)
    return Candidate(ref, usd, usd, **more)


SMALL = candidate("small", "local", "0")
MIDDLE = candidate("middle", "balanced", "2")
BIG = candidate("big", "top", "10")


def said(text: str, **more: Any) -> Completion:
    return Completion(text, "stop", Usage(10, 5), "m", latency_ms=100, **more)


@dataclass
class Port:
    """Models that say what they are told to; an exception in the place of words is raised."""

    models: list[Candidate]
    words: dict[str, Any]
    settings: RouteSettings = field(default_factory=RouteSettings)
    rules: tuple[Rule, ...] = DEFAULT_RULES
    chance: float = 1.0
    hit: Any = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    records: list[tuple[str, dict]] = field(default_factory=list)
    shown: list[Delta] = field(default_factory=list)

    async def candidates(self) -> list[Candidate]:
        return self.models

    async def personas(self) -> list:
        return []

    async def ask(self, model: ModelRef, request: ChatRequest, *, purpose: str, is_shown: bool):
        self.asked.append((model.id, purpose))
        words = self.words[model.id]
        words = words(purpose) if callable(words) else words
        if isinstance(words, Exception):
            raise words
        completion = words if isinstance(words, Completion) else said(words)
        if is_shown:
            self.shown.append(Delta(text=completion.text))
        return completion, Decimal("0.01")

    async def record(self, category: str, **data: Any) -> None:
        self.records.append((category, data))

    async def evidence(self):
        return None

    async def cached(self, prompt, needs, selection):
        return self.hit

    def show(self, item: Delta) -> None:
        self.shown.append(item)

    def coin(self, what: str) -> bool:
        return True

    def of(self, category: str) -> list[dict]:
        return [data for name, data in self.records if name == category]


def prompt_of(text: str, **more: Any) -> RoutedPrompt:
    request = more.pop("request", ChatRequest("", (Message("user", text),)))
    return RoutedPrompt("x", request, text, **more)


def run(text: str, port: Port, **more: Any) -> Routed:
    prompt = prompt_of(text, **more)
    return asyncio.run(route(prompt, RouteContext(prompt, port)))


GOOD = "The answer is 4, because 2 + 2 = 4."
LOST = "I'm not sure, I can't really answer this, maybe"


# ── who is asked ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_small_talk_goes_to_the_cheapest() -> None:
    port = Port([BIG, MIDDLE, SMALL], {"small": "You are welcome!"})
    assert run(EASY, port).by.id == "small"


def test_a_model_that_proved_weak_in_the_category_is_passed_over() -> None:
    category = "chat"
    weak = replace(SMALL, quality={category: Quality(runs=9, score=20.0)})
    port = Port([weak, MIDDLE], {"middle": "You are welcome!"})
    routed = run(EASY, port)
    assert routed.by.id == "middle"
    assert [(c.model.id, c.reason) for c in routed.selection.considered] == [("middle", ""), ("small", "below_the_band")]


def test_a_prompt_with_tools_goes_to_a_model_that_takes_them() -> None:
    able = replace(MIDDLE, capabilities=("chat", "tools"))
    request = ChatRequest("", (Message("user", "Weather?"),), tools=({"type": "function"},))
    port = Port([SMALL, able], {"middle": said("", tool_calls=(ToolCall("1", "weather", "{}"),))})
    routed = run("Weather?", port, request=request)
    assert routed.by.id == "middle"
    assert {c.model.id: c.reason for c in routed.selection.considered}["small"] == "no_tools"


def test_a_prompt_too_long_for_a_model_does_not_go_there() -> None:
    port = Port([replace(SMALL, context_window=2_000), MIDDLE], {"middle": GOOD})
    routed = run("word " * 4_000, port)
    assert {c.model.id: c.reason for c in routed.selection.considered}["small"] == "context_too_small"
    assert routed.by.id == "middle"


@pytest.mark.parametrize(("strategy", "chosen"), [("best", "big"), ("cheapest", "small"), ("fastest", "middle")])
def test_the_strategy_says_what_counts(strategy: str, chosen: str) -> None:
    quick = replace(MIDDLE, quality={"general": Quality(5, 90.0, latency_ms=50.0)})
    port = Port([SMALL, quick, BIG], {"small": GOOD, "middle": GOOD, "big": GOOD})
    assert run(EASY, port, strategy=strategy).selection.ranked[0].id == chosen


def test_a_little_known_model_gets_its_chance_now_and_then() -> None:
    known = replace(SMALL, quality={"chat": Quality(9, 90.0)})
    port = Port([known, MIDDLE], {"middle": "Welcome!", "small": "Welcome!"}, chance=0.01)
    assert run(EASY, port).by.id == "middle"
    assert run(EASY, replace(port, chance=0.5)).by.id == "small"


def test_a_forced_model_is_asked_alone_and_its_answer_stands() -> None:
    port = Port([SMALL, BIG], {"small": LOST})
    routed = run("What is 17 * 23?", port, forced_model="small")
    assert (routed.by.id, routed.escalations) == ("small", ())


def test_without_any_model_that_can_it_says_why_each_cannot() -> None:
    port = Port([replace(SMALL, unavailable="failed_recently")], {})
    with pytest.raises(NoModel) as caught:
        run(EASY, port)
    assert caught.value.extra["rejected"] == {"small": "failed_recently"}


# ── escalation ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_doubtful_answer_rises_to_the_next_stronger_and_is_kept() -> None:
    port = Port([SMALL, BIG], {"small": LOST, "big": GOOD})
    routed = run("What is 2 + 2?", port, strategy="cheapest")
    assert routed.by.id == "big"
    [rise] = routed.escalations
    assert (rise.trigger, rise.previous.completion.text) == ("low_confidence", LOST)
    assert port.shown[1] == Delta(restarted=True)
    assert [c for c, _ in port.records if c == "escalation"] == ["escalation"]


def test_the_better_of_both_answers_stands() -> None:
    port = Port([SMALL, BIG], {"small": LOST, "big": Completion("", "content_filter", Usage(), "m")})
    routed = run("What is 2 + 2?", port, strategy="cheapest")
    assert routed.confidence == max(attempt.confidence for attempt in routed.attempts)


def test_it_rises_no_more_often_than_it_may() -> None:
    port = Port([SMALL, MIDDLE, BIG], {"small": LOST, "middle": LOST, "big": LOST}, RouteSettings(max_escalations=1))
    assert len(run("What is 2 + 2?", port, strategy="cheapest").escalations) == 1


def test_it_does_not_rise_beyond_the_most_cost() -> None:
    port = Port([SMALL, BIG], {"small": LOST}, RouteSettings(max_cost_usd=Decimal("0.005")))
    assert run("What is 2 + 2?", port, strategy="cheapest").escalations == ()


def test_it_does_not_rise_when_words_cannot_be_taken_back() -> None:
    port = Port([SMALL, BIG], {"small": LOST})
    assert run("What is 2 + 2?", port, strategy="cheapest", may_restart=False).escalations == ()


@pytest.mark.parametrize(("error", "trigger"), [(Overloaded("busy"), "error"), (ProviderTimeout("slow"), "timeout")])
def test_an_error_goes_on_to_another_model_by_its_rule(error: Exception, trigger: str) -> None:
    rules = tuple(rule for rule in DEFAULT_RULES if rule.trigger == trigger)
    port = Port([SMALL, MIDDLE], {"small": error, "middle": GOOD}, rules=rules)
    routed = run("What is 2 + 2?", port, strategy="cheapest")
    assert (routed.by.id, routed.escalations[0].trigger) == ("middle", trigger)


def test_an_error_without_a_rule_goes_on_to_the_next_in_line() -> None:
    port = Port([SMALL, MIDDLE], {"small": Overloaded("busy"), "middle": GOOD}, rules=())
    routed = run("What is 2 + 2?", port, strategy="cheapest")
    assert (routed.by.id, routed.escalations) == ("middle", ())


def test_when_all_fail_it_says_what_each_said() -> None:
    port = Port([SMALL, MIDDLE], {"small": Overloaded("busy"), "middle": ProviderTimeout("slow")})
    with pytest.raises(NoModelAnswered) as caught:
        run(EASY, port)
    assert caught.value.extra["tried"] == {"small": "busy", "middle": "slow"}


def test_a_hard_prompt_begins_higher_where_a_rule_says_so() -> None:
    rule = Rule("hard", "complexity", threshold=1.0, to_tier="top")
    port = Port([MIDDLE, BIG], {"big": GOOD}, rules=(rule,))
    routed = run(HARD, port, strategy="cheapest")
    assert routed.attempts[0].model.id == "big"
    assert [c.model.id for c in routed.selection.considered if c.is_chosen] == ["big"]


def test_a_rise_that_cannot_be_paid_leaves_the_answer_that_there_is() -> None:
    port = Port([SMALL, BIG], {"small": LOST, "big": OverBudget("no")})
    assert run("What is 2 + 2?", port, strategy="cheapest").by.id == "small"


def test_a_budget_that_is_spent_ends_the_route_before_anything_is_asked() -> None:
    port = Port([SMALL], {"small": OverBudget("no")})
    with pytest.raises(OverBudget):
        run(EASY, port)


# ── a second opinion ──────────────────────────────────────────────────────────────────────────────────────────────


def verdict(score: float, own: str | None) -> Completion:
    data = {"own_answer": own, "criteria": [], "defects": [], "summary": "", "score": score}
    return said("{}", data=data)


def ruling(winner: str) -> Completion:
    return said("{}", data={"reason": "because", "winner": winner})


def test_a_checked_answer_is_verified_by_a_model_of_another_family() -> None:
    port = Port([SMALL, BIG], {"small": "4", "big": lambda purpose: verdict(100, "4")})
    routed = run("What is 2 + 2?", port, strategy="cheapest", verify=True)
    assert (routed.verified, routed.opinion.divergence) == ("yes", 0.0)
    assert port.asked == [("small", "answer"), ("big", "check")]


def test_without_another_family_it_says_that_it_could_not_be_verified() -> None:
    port = Port([SMALL], {"small": "4"})
    routed = run("What is 2 + 2?", port, verify=True)
    assert (routed.verified, routed.why_not_verified) == ("could_not", "too_few_models")


def test_a_dispute_that_the_checker_wins_puts_its_answer_in_the_place() -> None:
    def other(purpose: str) -> Completion:
        return verdict(0, "4") if purpose == "check" else ruling("B")

    port = Port([SMALL, MIDDLE, BIG], {"small": "5", "middle": other, "big": other}, rules=())
    routed = run("What is 2 + 2?", port, strategy="cheapest", verify=True)
    assert (routed.verified, routed.completion.text, routed.confidence) == ("yes", "4", 80.0)
    assert len(port.of("tie_break")) == 1


def test_a_dispute_that_the_author_wins_is_two_voices_of_three() -> None:
    def other(purpose: str) -> Completion:
        return verdict(0, "5") if purpose == "check" else ruling("A")

    port = Port([SMALL, MIDDLE, BIG], {"small": "4", "middle": other, "big": other}, rules=())
    routed = run("What is 2 + 2?", port, strategy="cheapest", verify=True)
    assert (routed.verified, routed.by.id, routed.confidence) == ("yes", "small", 80.0)


def test_a_dispute_without_a_third_model_is_not_called_verified() -> None:
    port = Port([SMALL, BIG], {"small": "5", "big": lambda purpose: verdict(0, "4")}, rules=())
    routed = run("What is 2 + 2?", port, strategy="cheapest", verify=True)
    assert (routed.verified, routed.completion.text) == ("could_not", "5")
