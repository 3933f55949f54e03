"""How the figures of a step came about, and what became of its suspect attempts, from what the engine stored. For the page."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from apps.tasks.detail_words import detail_word
from apps.tasks.messages import against_word, because_word

Detail = Mapping[str, Any]
LONGEST_DIFF_CHARS = 40_000  # beyond it a diff of words takes long, and nobody reads it
_PIECE = re.compile(r"\s+|\w+|[^\w\s]")
_KEY = re.compile(r"s(\d+)\.r(\d+)\.a(\d+)/(.+)")


@dataclass(frozen=True, slots=True)
class Row:
    """A summand or a part: its words, its value, and what more there is to say."""

    words: str
    value: float
    note: str = ""
    is_decisive: bool = False


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text. `kind`: "" plain, "marked", "added", "removed"; `why` in words."""

    text: str
    kind: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a step: whose, how sure, what was held against it."""

    number: int
    author: str
    confidence: float | None
    against: str
    found: tuple[tuple[str, str], ...]  # in words, with a quote
    is_standing: bool


@dataclass(frozen=True, slots=True)
class Working:
    """The figures of one step, as sums and parts; empty where an older version stored none."""

    confidence: tuple[Row, ...] = ()
    confidence_total: float | None = None
    divergence: tuple[Row, ...] = ()
    factors: tuple[Row, ...] = ()
    invented: float | None = None
    base: float = 0.0
    missing: str = ""
    marked: tuple[Piece, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    because: str = ""
    agreement: float | None = None
    kept: float | None = None
    changes: tuple[Piece, ...] = ()

    @property
    def has_something(self) -> bool:
        return bool(self.confidence or self.divergence or self.factors)


@dataclass(frozen=True, slots=True)
class Weighed:
    """The score of hallucination of one answer, for a page: `base` and the values of `factors` make `score`."""

    score: float
    base: float
    factors: tuple[Row, ...]
    missing: str
    marked: tuple[Piece, ...]
    found: tuple[tuple[str, str], ...]  # what counts against it, in words, with a quote
    is_bound: bool
    is_partial: bool


def weighed_of(findings: Detail | None, text: str) -> Weighed | None:
    """What the engine stored of a text as `templates/tasks/_marked.html` shows it; None where the text was never weighed."""
    assessment = (findings or {}).get("assessment")
    if not findings or not assessment:
        return None
    return Weighed(
        score=assessment["score"],
        base=assessment["base"],
        factors=tuple(_factor_row(factor) for factor in assessment["factors"]),
        missing=", ".join(_evidence_word(name) for name in assessment["missing"]),
        marked=marked(text, _spans(findings)),
        found=tuple((against_word(item["kind"]), item.get("quote") or "") for item in findings["items"]),
        is_bound=findings["is_bound"],
        is_partial=assessment["is_partial"],
    )


def weighed_json(findings: Detail | None) -> dict[str, Any] | None:
    """The same for programs: names stay codes beside their words, spans are characters of the answer."""
    assessment = (findings or {}).get("assessment")
    if not findings or not assessment:
        return None
    return {
        "score": assessment["score"],
        "base": assessment["base"],
        "factors": [
            {"name": one["name"], "label": factor_word(one["name"]), "score": one["score"], "contribution": one["contribution"]}
            for one in assessment["factors"]
        ],
        "spans": [
            {"start": start, "end": end, "reason": code, "label": reason_word(code)}
            for start, end, code in _coded_spans(findings)
        ],
        "against": [
            {"kind": item["kind"], "label": against_word(item["kind"]), "score": item["score"], "quote": item.get("quote") or ""}
            for item in findings["items"]
        ],
        "missing": assessment["missing"],
        "kept_to_sources": findings["is_bound"],
        "is_partial": assessment["is_partial"],
    }


def with_workings(detail: Detail, trace: Sequence[Detail]) -> dict[str, Any]:
    """The detail, each of its steps with its `working`."""
    found = workings_of(detail, trace)
    return {**detail, "subtasks": [{**subtask, "working": found[subtask["id"]]} for subtask in detail["subtasks"]]}


def workings_of(detail: Detail, trace: Sequence[Detail]) -> dict[str, Working]:
    """By the id of the step, from the results of its present round."""
    rounds = {subtask["order"]: subtask["round"] for subtask in detail["subtasks"]}
    tries: dict[int, dict[int, dict[str, Any]]] = {order: {} for order in rounds}
    for step in trace:
        match = _KEY.fullmatch(step["key"])
        if match and isinstance(step["result"], Mapping) and rounds.get(int(match[1])) == int(match[2]):
            tries[int(match[1])].setdefault(int(match[3]), {})[match[4]] = step["result"]
    return {subtask["id"]: _working(subtask, tries[subtask["order"]]) for subtask in detail["subtasks"]}


def _working(subtask: Detail, tries: Mapping[int, Detail]) -> Working:
    concluded = [number for number in sorted(tries) if "conclude" in tries[number]]
    divergence = divergence_rows(subtask["divergence_parts"], subtask["divergence"])
    if not concluded:
        return Working(divergence=divergence)
    outcome = tries[concluded[-1]]["conclude"]
    standing = _standing(tries, concluded)
    stages = tries.get(standing, {})
    draft = (stages.get("execute") or {}).get("text") or ""
    findings = stages.get("inspect") or {}
    assessment = findings.get("assessment") or {}
    comparison: Detail = next((tries[number]["compare"] for number in reversed(concluded) if "compare" in tries[number]), {})
    return Working(
        confidence=tuple(confidence_row(part) for part in outcome.get("confidence_parts") or ()),
        confidence_total=outcome.get("confidence"),
        divergence=divergence,
        factors=tuple(_factor_row(factor) for factor in assessment.get("factors") or ()),
        invented=assessment.get("score"),
        base=assessment.get("base") or 0.0,
        missing=", ".join(_evidence_word(name) for name in assessment.get("missing") or ()),
        marked=marked(draft, _spans(findings)),
        attempts=tuple(_attempt(number, tries[number], number == standing) for number in concluded) if len(tries) > 1 else (),
        because=because_word(comparison["because"]) if comparison else "",
        agreement=comparison.get("agreement"),
        kept=comparison.get("kept"),
        changes=_changes(tries, standing),
    )


def _standing(tries: Mapping[int, Detail], concluded: Sequence[int]) -> int:
    """The attempt whose author the result is of."""
    last = concluded[-1]
    author = tries[last]["conclude"]["author"]["id"]
    wrote = [n for n in concluded if ((tries[n].get("execute") or {}).get("by") or {}).get("id") == author]
    return wrote[-1] if wrote else last


def _attempt(number: int, stages: Detail, is_standing: bool) -> Attempt:
    outcome, drafted = stages["conclude"], stages.get("execute") or {}
    items = (stages.get("inspect") or {}).get("items") or ()
    comparison = (stages.get("compare") or {}).get("attempts") or ()
    against = outcome.get("escalate_because") or (comparison[-1]["against"] if comparison else "")
    own = comparison[-1]["confidence"] if comparison else outcome.get("confidence")
    return Attempt(
        number=number,
        author=(drafted.get("by") or outcome["author"])["label"] if drafted else "",
        confidence=own if drafted else None,
        against=against_word(against) if against else "",
        found=tuple((against_word(item["kind"]), item.get("quote") or "") for item in items),
        is_standing=is_standing,
    )


# ── sums and parts ────────────────────────────────────────────────────────────────────────────────────────────────


def divergence_rows(parts: Mapping[str, float] | None, total: float | None) -> tuple[Row, ...]:
    """What the divergence of a check was the largest of."""
    parts = parts or {}
    words = {
        "score": _("what the checker's score leaves short of 100"),
        "defects": _("weight of the faults: 5 for a minor one, 25 for a major one, 60 for a critical one"),
        "criteria": _("what the criteria leave short on average"),
        "answer": _("distance between the two answers"),
        "score and answer": _("mean of score and distance of the answers"),
    }
    counted = {name for name in parts if not (name == "score" and "answer" in parts) and name != "answer"}
    return tuple(
        Row(words.get(name, name), value, is_decisive=name in counted and total is not None and abs(value - total) < 0.01)
        for name, value in parts.items()
    )


def confidence_row(part: Detail) -> Row:
    """A summand of the confidence in an answer that was checked."""
    words = {
        "agreed": _("Author and checker agree: 100, less half the divergence"),
        "settled": _("A third AI settled the dispute: two voices of three"),
        "ruled_against": _("The judge decided against it"),
        "unsettled": _("A dispute that nobody settled"),
        "unchecked": _("Nobody checked it: never more than half"),
        "findings": _("Found without an AI: four tenths of the worst"),
        "wrong_sums": _("A sum that is wrong"),
        "hedges": _("It hedges"),
        "code_broken": _("Code that does not parse"),
        "form_missed": _("Not in the form that was asked for"),
    }
    name = part["name"]
    note = against_word(part["detail"]) if name == "findings" else detail_word(name, part.get("detail") or "")
    if name in ("agreed", "settled", "ruled_against", "unsettled", "unchecked"):
        note = ""
    return Row(words.get(name, _("A check of the text: %(name)s") % {"name": name.replace("_", " ")}), part["points"], note)


def factor_word(name: str) -> str:
    words = {
        "repetition": _("Says the same again"),
        "internal": _("Contradicts itself"),
        "support": _("Not carried by the sources"),
        "contradiction": _("Contradicts the sources"),
        "wording": _("Small turns of the wording"),
        "unverified": _("Names, numbers or addresses that stand nowhere"),
        "scope": _("Beside the question"),
        "temporal": _("Dates that cannot be"),
        "samples": _("Few other answers say so"),
        "earlier": _("Unlike an earlier answer"),
        "judge": _("An AI judge"),
        "stall": _("Stood still while it was written"),
        "lookup": _("Looked up on the web"),
        "similarity": _("Far in meaning from its question or sources"),
    }
    return words.get(name, name)


def reason_word(reason: str) -> str:
    words = {
        "said_again": _("said again"),
        "goes_round": _("goes round"),
        "negates_itself": _("negates another sentence"),
        "opposite_of_itself": _("the opposite of another sentence"),
        "another_number": _("another number than before"),
        "another_value": _("another value than before"),
        "off_topic": _("beside the question"),
        "not_in_sources": _("not in the sources"),
        "opposite_of_source": _("the opposite of the source"),
        "number_differs": _("another number than in the source"),
        "name_differs": _("another name than in the source"),
        "word_differs": _("another word than in the source"),
        "negation_differs": _("negated otherwise than in the source"),
        "negation_put_in": _("a negation that the source has not"),
        "name_half_changed": _("half of a name changed"),
        "date_half_changed": _("half of a date changed"),
        "number_not_in_sources": _("a number that no source has"),
        "name_not_in_sources": _("a name that no source has"),
        "address_not_in_sources": _("an address that no source has"),
        "citation_not_in_sources": _("a citation that no source has"),
        "few_samples_say_so": _("few other answers say so"),
        "not_in_earlier_answer": _("not in the earlier answer"),
        "before_birth": _("before the birth"),
        "after_death": _("after the death"),
        "death_before_birth": _("death before birth"),
        "range_runs_backwards": _("runs backwards"),
        "out_of_order": _("out of order"),
        "still_to_come": _("still to come"),
        "refusal": _("a refusal"),
        "not_found_on_the_web": _("not found on the web"),
        "far_from_sources": _("far in meaning from the sources"),
    }
    return words.get(reason, reason.replace("_", " "))


def _evidence_word(name: str) -> str:
    words = {
        "question": _("the question (too short or another language)"),
        "sources": _("sources to keep to"),
        "samples": _("further answers"),
        "judge": _("an AI judge"),
        "lookup": _("a web look-up"),
        "similarity": _("vectors of meaning"),
    }
    return words.get(name, name)


def _factor_row(factor: Detail) -> Row:
    reasons = dict.fromkeys(reason_word(span["reason"]) for span in factor.get("spans") or ())
    return Row(factor_word(factor["name"]), factor["contribution"], ", ".join(reasons))


# ── texts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _spans(findings: Detail) -> list[tuple[int, int, str]]:
    return [(start, end, reason_word(code)) for start, end, code in _coded_spans(findings)]


def _coded_spans(findings: Detail) -> list[tuple[int, int, str]]:
    """Of what counts against the draft, and of detectors that spoke up although it did not suffice; each once."""
    items = [span for item in findings.get("items") or () for span in item.get("spans") or ()]
    factors = (findings.get("assessment") or {}).get("factors") or ()
    loud = [span for factor in factors if factor["contribution"] >= 1.0 for span in factor.get("spans") or ()]
    return list(dict.fromkeys((span["start"], span["end"], span["reason"]) for span in (*items, *loud)))


def marked(text: str, spans: Iterable[tuple[int, int, str]]) -> tuple[Piece, ...]:
    """The text in pieces, those that a span points at marked with the reasons; () where nothing is pointed at."""
    known = [(max(0, start), min(len(text), end), why) for start, end, why in spans if start < end and start < len(text)]
    if not known:
        return ()
    edges = sorted({0, len(text), *(edge for start, end, _why in known for edge in (start, end))})
    pieces: list[Piece] = []
    for start, end in pairwise(edges):
        reasons = dict.fromkeys(why for first, last, why in known if first <= start and end <= last)
        pieces.append(Piece(text[start:end], "marked" if reasons else "", ", ".join(reasons)))
    return tuple(pieces)


def _changes(tries: Mapping[int, Detail], standing: int) -> tuple[Piece, ...]:
    """From the attempt before the one that stands (else the one after it) to the one that stands."""
    texts: dict[int, str] = {number: (stages.get("execute") or {}).get("text") or "" for number, stages in tries.items()}
    written = [number for number in sorted(texts) if texts[number]]
    others = [number for number in written if number != standing]
    if standing not in written or not others:
        return ()
    before = max((number for number in others if number < standing), default=others[0])
    return changes(texts[before], texts[standing])


def changes(earlier: str, later: str) -> tuple[Piece, ...]:
    """What was taken out and what was put in, by words; () where a text is too long for it."""
    if len(earlier) + len(later) > LONGEST_DIFF_CHARS:
        return ()
    old, new = _PIECE.findall(earlier), _PIECE.findall(later)
    pieces: list[Piece] = []
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            pieces.append(Piece("".join(old[a:b])))
            continue
        if a < b:
            pieces.append(Piece("".join(old[a:b]), "removed"))
        if c < d:
            pieces.append(Piece("".join(new[c:d]), "added"))
    return tuple(pieces)
