"""The route's codes as pages say them: features, signals, verdicts of tests, reasons why something is unknown."""

from __future__ import annotations

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from apps.common import codewords
from apps.common.status import look_of
from apps.common.templatetags.orq import cost, duration, percent, tier_word
from apps.tasks.engine.routing.significance import Comparison
from apps.tasks.models import ABTest, Strategy, Trigger
from apps.tasks.routing_words import not_verified_because, passed_over_because

__all__ = [
    "audit_value",
    "audit_word",
    "feature_word",
    "finish_word",
    "not_verified_because",
    "passed_over_because",
    "savings_unknown_because",
    "shown_comparison",
    "signal_word",
    "strategy_about",
    "strategy_word",
    "trigger_word",
    "unit_word",
    "verdict_word",
]


def strategy_word(strategy: str) -> str:
    return str(Strategy(strategy).label) if strategy in Strategy.values else strategy


def strategy_about(strategy: str) -> str:
    words = {
        "auto": _("the cheapest model that is strong enough, and a stronger one where the answer is not trusted"),
        "cheapest": _("the cheapest model that is strong enough"),
        "fastest": _("the model that has answered fastest"),
        "best": _("the strongest model"),
    }
    return words.get(strategy, "")


def trigger_word(trigger: str) -> str:
    return str(Trigger(trigger).label) if trigger in Trigger.values else trigger


def feature_word(name: str) -> str:
    """What moved the complexity, in words; the features of a fit come and go, so an unknown one is said as it is called."""
    words = {
        "length": _("its length"),
        "sentences": _("how many sentences it has"),
        "sentence_length": _("long sentences"),
        "last_sentence": _("the length of its last sentence"),
        "word_length": _("long words on average"),
        "long_words": _("how many words are long"),
        "distinct_words": _("how many different words it uses"),
        "commas": _("commas"),
        "lines": _("lines"),
        "list_items": _("list items"),
        "questions": _("question marks"),
        "ends_as_question": _("it ends as a question"),
        "ends_open": _("its end is open"),
        "blank": _("a blank to be filled in"),
        "numbers": _("numbers"),
        "distinct_numbers": _("different numbers"),
        "number_share": _("the share of numbers"),
        "number_word": _("numbers in words"),
        "years": _("years"),
        "percent": _("percentages"),
        "money": _("amounts of money"),
        "symbols": _("mathematical signs"),
        "brackets": _("brackets"),
        "quotes": _("quotations"),
        "capitals": _("capital letters"),
        "acronyms": _("acronyms"),
        "code_marks": _("marks of program code"),
        "code": _("it is about code"),
        "options": _("options to choose from"),
        "option_prompt_length": _("the length of a question with options"),
        "analyse": _("it asks for an analysis"),
        "best_of": _("it asks for the best of several"),
        "calculate": _("it asks for a calculation"),
        "condition": _("conditions"),
        "constraint": _("constraints"),
        "create": _("it asks for something new"),
        "fact": _("it asks for a fact"),
        "first_person": _("it speaks of the person"),
        "second_person": _("it speaks to the model"),
        "third_person": _("it speaks of others"),
        "how_why": _("it asks how or why"),
        "judge": _("it asks for a judgement"),
        "justify": _("it asks for reasons"),
        "law": _("it is about law"),
        "list_asked": _("it asks for a list"),
        "medicine": _("it is about medicine"),
        "negation": _("negations"),
        "persona": _("it gives the model a role"),
        "proof": _("it asks for a proof"),
        "quantity_asked": _("it asks how much or how many"),
        "relation": _("it asks for a relation"),
        "research": _("it asks for research"),
        "rework": _("it asks for a change to a text"),
        "science": _("it is about science"),
        "small_talk": _("it is small talk"),
        "universal": _("it speaks of all or none"),
        "visual": _("it is about a picture"),
        "images": _("pictures"),
        "context": _("what is sent along with it"),
    }
    if name.startswith("option_") and name not in words:
        return _("the form of its options")
    return words.get(name, name.replace("_", " "))


def signal_word(name: str) -> str:
    """A sign of how far an answer can be trusted, in words."""
    words = {
        "complexity": _("how hard the prompt is"),
        "wrong_sums": _("sums that do not add up"),
        "hedges": _("words of doubt"),
        "cut": _("it breaks off"),
        "no_final_number": _("no final number"),
        "final_not_whole": _("the final number is not whole"),
        "negative": _("the final number is negative"),
        "given_numbers_unused": _("numbers of the question that it does not use"),
        "results_unused": _("results that it does not use"),
        "words_not_followed": _("words of the question that it does not follow"),
        "few_steps": _("few steps of working"),
        "no_sums": _("no sums that could be checked"),
        "empty": _("it is empty"),
        "refusal": _("it refuses"),
        "withheld": _("its provider withheld it"),
        "cut_by_length": _("it was cut at the most length"),
        "repetition": _("it repeats itself"),
        "code_broken": _("its code does not parse"),
        "code_parses": _("its code parses"),
        "form_missed": _("it misses the form that was asked for"),
        "form_met": _("it has the form that was asked for"),
        "samples_agree": _("other samples agree"),
        "mean_probability": _("how sure the model was of its words"),
        "verdict": _("what the checker found"),
        "divergence": _("how far the checker's answer is from it"),
        "hallucination": _("signs of invention"),
    }
    return words.get(name, name.replace("_", " "))


def finish_word(reason: str | None) -> str:
    """Why an answer ended; "" for the ordinary end."""
    words = {
        "length": _("cut at the most length"),
        "content_filter": _("withheld by the provider"),
        "tool_calls": _("it calls tools"),
    }
    return words.get(reason or "", "")


def audit_word(name: str) -> str:
    """What a field of an audit entry is called; an unknown one is said as it is."""
    words = {
        "status": _("state"),
        "model": _("model"),
        "from_model": _("from"),
        "to_model": _("to"),
        "confidence": _("confidence"),
        "escalations": _("escalations"),
        "verified": _("checked"),
        "cost_usd": _("US$"),
        "saved_usd": _("US$ saved"),
        "input_tokens": _("tokens in"),
        "output_tokens": _("tokens out"),
        "latency_ms": _("ms"),
        "kind": _("kind"),
        "likeness": _("likeness"),
        "chosen": _("chosen"),
        "strategy": _("strategy"),
        "rejected": _("passed over"),
        "complexity": _("complexity"),
        "task_type": _("type"),
        "tier": _("tier"),
        "tokens": _("tokens"),
        "features": _("moved by"),
        "signals": _("signs"),
        "source": _("asked by"),
        "verify": _("check asked for"),
        "messages": _("messages"),
        "characters": _("characters"),
        "tools": _("tools"),
        "forced_model": _("model that was given"),
        "is_estimated": _("estimated"),
        "trigger": _("trigger"),
        "rule": _("rule"),
        "reason": _("reason"),
        "score": _("score"),
        "divergence": _("divergence"),
        "winner": _("winner"),
        "code": _("code"),
        "error_code": _("code"),
        "message": _("message"),
        "changes": _("changes"),
        "name": _("name"),
    }
    return words.get(name, name.replace("_", " "))


def audit_value(name: str, value: object) -> object:
    """What a field of an audit entry holds, codes in words; anything else as it is."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if not isinstance(value, str):
        return value
    words = {
        "status": lambda: look_of(value).word,
        "strategy": lambda: strategy_word(value),
        "trigger": lambda: trigger_word(value),
        "tier": lambda: tier_word(value),
        "task_type": lambda: codewords.category_word(value),
        "code": lambda: codewords.failure_word(value),
        "error_code": lambda: codewords.failure_word(value),
    }
    return words[name]() if name in words else value


def savings_unknown_because(code: str) -> str:
    words = {
        "nothing_to_compare": _("no prompt of known cost was answered by a model in this time"),
        "no_priced_model": _("no model of known price is in use; set prices on the models’ pages"),
    }
    return words.get(code, code)


def verdict_word(verdict: str, test: ABTest) -> str:
    a, b = strategy_word(test.strategy_a), strategy_word(test.strategy_b)
    words = {
        "not_enough": _("Not enough yet"),
        "a": _("A is better: %(name)s") % {"name": a},
        "b": _("B is better: %(name)s") % {"name": b},
        "no_difference": _("No difference that could be told from chance"),
    }
    return words.get(verdict, verdict)


def shown_comparison(measure: str, found: Comparison | None) -> dict[str, str]:
    """The numbers of a comparison with their units; shares and confidence in percent."""
    if found is None:
        return {}
    show = {ABTest.Measure.COST: cost, ABTest.Measure.LATENCY: duration}.get(ABTest.Measure(measure), percent)
    factor = 100 if measure in (ABTest.Measure.ESCALATIONS, ABTest.Measure.THUMBS) else 1

    def signed(value: float) -> str:
        sign = "−" if value < 0 else "+" if value > 0 else ""
        return f"{sign}{show(abs(value) * factor)}"

    p = f"< {number_format(0.001, 3)}" if found.p < 0.001 else number_format(found.p, 3)
    plain = {"a": show(found.a * factor), "b": show(found.b * factor), "p": p}
    return {**plain, "difference": signed(found.difference), "low": signed(found.low), "high": signed(found.high)}


def unit_word(measure: str) -> str:
    """What the stated difference of a test is counted in."""
    if measure in (ABTest.Measure.COST, ABTest.Measure.LATENCY):
        return _("percent of what is usual")
    return _("points of 100")


def fault_word(kind: str) -> str:
    """A kind of planted fault."""
    words = {
        "wrong_number": _("wrong number"),
        "negation": _("turned round"),
        "missing": _("part missing"),
        "source": _("invented source"),
        "unit": _("wrong unit"),
        "off_topic": _("off topic"),
        "truncated": _("cut off"),
    }
    return words.get(kind, kind)


def known_by_word(name: str) -> str:
    """How it came to be known whether a verdict was right."""
    words = {
        "people": _("people's thumbs"),
        "ruling": _("a third AI's ruling"),
        "recovery": _("another attempt that was chosen"),
        "planted": _("planted faults"),
    }
    return words.get(name, name)
