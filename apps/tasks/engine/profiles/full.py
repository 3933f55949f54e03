"""Prompts for ordinary models. The texts are in engine/prompts/full; the shapes of the answers are here."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, get_args

from apps.common.contract import say as _
from apps.providers.contract import Message
from apps.tasks.engine.errors import BadPlan, BadVerdict
from apps.tasks.engine.types import (
    CriterionScore,
    Defect,
    Inputs,
    ModelRef,
    Outcome,
    Plan,
    PlannedSubtask,
    Prompt,
    Severity,
    TaskSpec,
    Tried,
    Verdict,
)

NO_ANSWER = {"", "-", "n/a", "na", "none", "null", "nil", "nenhum", "nenhuma", "não há"}  # said where null was meant
NOTES = 0  # in the place of a step's number: notes of what was too long
_FOUND = {  # what a finding says to the next author
    "repetition": "It says the same thing again and again.",
    "refusal": "It refuses instead of doing the work.",
    "cut": "It ends before its end.",
    "internal": "It contradicts itself.",
    "contradiction": "It contradicts what it was to build on.",
    "wording": "It turns the meaning of what it was to build on.",
    "temporal": "Its dates cannot be right.",
    "scope": "It does not speak of what was asked.",
}
TEXTS = Path(__file__).parent.parent / "prompts" / "full"


def _object(**properties: dict) -> dict:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


_TEXT = {"type": "string"}
_PERCENT = {"type": "number", "minimum": 0, "maximum": 100}
_SUBTASK = _object(
    number={"type": "integer"},
    title=_TEXT,
    description=_TEXT,
    category=_TEXT,
    depends_on={"type": "array", "items": {"type": "integer"}},
    acceptance_criteria={"type": "array", "items": _TEXT},
)
PLAN_SCHEMA = _object(subtasks={"type": "array", "items": _SUBTASK})
VERDICT_SCHEMA = _object(
    own_answer={"type": ["string", "null"]},
    criteria={"type": "array", "items": _object(criterion=_TEXT, score=_PERCENT, comment=_TEXT)},
    defects={"type": "array", "items": _object(quote=_TEXT, problem=_TEXT, severity={"enum": ["minor", "major", "critical"]})},
    summary=_TEXT,
    score=_PERCENT,
)
RULING_SCHEMA = _object(reason=_TEXT, winner={"enum": ["A", "B", "neither"]})


class FullProfile:
    def plan_prompt(self, task: TaskSpec) -> Prompt:
        return _prompt("plan", PLAN_SCHEMA, title=task.title, description=task.description, category=task.category)

    def read_plan(self, task: TaskSpec, data: Any) -> Plan:
        try:
            return Plan(tuple(_subtask(item, task) for item in data["subtasks"]))
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise BadPlan(_("The plan does not have the agreed shape: %(error)s.") % {"error": error}) from error

    def work_prompt(self, task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs, tried: Tried) -> Prompt:
        return _prompt("work", None, **_about(task, subtask, inputs), earlier=_earlier(tried))

    def continued(self, prompt: Prompt, so_far: str) -> Prompt:
        go_on = Message("user", _text("continue").strip())
        return replace(prompt, messages=(*prompt.messages, Message("assistant", so_far), go_on))

    def check_prompt(self, task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs, draft: str) -> Prompt:
        return _prompt("check", VERDICT_SCHEMA, **_about(task, subtask, inputs), draft=draft)

    def read_verdict(self, by: ModelRef, data: Any) -> Verdict:
        try:
            score = float(data["score"])
            criteria = tuple(_criterion(item) for item in data["criteria"])
            defects = tuple(_defect(item) for item in data["defects"])
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            raise BadVerdict(_("The verdict does not have the agreed shape: %(error)s.") % {"error": error}) from error
        if not all(0 <= value <= 100 for value in (score, *(c.score for c in criteria))):
            raise BadVerdict(_("Scores go from 0 to 100."))
        return Verdict(score, by, criteria, defects, _own_answer(data.get("own_answer")), str(data.get("summary", "")))

    def settle_prompt(self, task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs, side_a: str, side_b: str) -> Prompt:
        return _prompt("settle", RULING_SCHEMA, **_about(task, subtask, inputs), side_a=side_a, side_b=side_b)

    def read_ruling(self, data: Any) -> tuple[str, str]:
        winner = data.get("winner") if isinstance(data, dict) else None
        if winner not in ("A", "B", "neither"):
            raise BadVerdict(_("The winner must be A, B or neither."))
        return winner, str(data.get("reason", ""))

    def again(self, prompt: Prompt, answer: str, problem: str) -> Prompt:
        retry = Template(_text("again")).substitute(problem=problem)
        return replace(prompt, messages=(*prompt.messages, Message("assistant", answer), Message("user", retry.strip())))


def read_prompt(task: TaskSpec, subtask: PlannedSubtask, text: str, *, part: int, parts: int) -> Prompt:
    """Has one part of a long text read, for notes of what the step needs of it."""
    about = {"task": task.description, "title": subtask.title, "step": subtask.description}
    return _prompt("read", None, **about, text=text, part=str(part), parts=str(parts))


def notes_given(notes: str, parts: int) -> Inputs:
    """Notes in the place of what they were taken of."""
    nobody = ModelRef("", "", "", "", "")
    said = f"(Too long to be read at once: these are your own notes from reading all {parts} parts of it.)\n{notes}"
    return {NOTES: Outcome(said, nobody, None, None, confidence=0.0, divergence=None, cross_validated=False)}


def _subtask(item: dict, task: TaskSpec) -> PlannedSubtask:
    return PlannedSubtask(
        order=int(item["number"]),
        title=str(item["title"]).strip()[:200] or f"Step {item['number']}",
        description=str(item["description"]),
        category=str(item.get("category") or task.category).strip().lower()[:60],
        depends_on=tuple(sorted({int(need) for need in item["depends_on"]})),
        acceptance_criteria=tuple(str(criterion) for criterion in item["acceptance_criteria"]),
    )


def _own_answer(given: Any) -> str | None:
    answer = "" if given is None else str(given).strip()
    return None if answer.casefold() in NO_ANSWER else answer


def _criterion(item: dict) -> CriterionScore:
    return CriterionScore(str(item["criterion"]), float(item["score"]), str(item.get("comment", "")))


def _defect(item: dict) -> Defect:
    severity = item.get("severity", "major")
    if severity not in get_args(Severity):
        raise ValueError(f"a defect's severity is minor, major or critical, not {severity!r}")
    return Defect(str(item["problem"]), str(item.get("quote", "")), severity)


@cache
def _text(name: str) -> str:
    return (TEXTS / f"{name}.txt").read_text(encoding="utf-8")


def _prompt(name: str, schema: dict | None, **values: str) -> Prompt:
    """The text file's two parts, system and user, parted by a line of three dashes."""
    system, _mark, user = _text(name).partition("\n---\n")
    messages = (Message("system", system.strip()), Message("user", Template(user).substitute(values).strip()))
    return Prompt(messages, schema, schema_name=name)


def _about(task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs) -> dict[str, str]:
    criteria = "\n".join(f"- {criterion}" for criterion in subtask.acceptance_criteria)
    given = "\n\n".join(
        outcome.text if order == NOTES else f"[Result of step {order}]\n{outcome.text}"
        for order, outcome in sorted(inputs.items())
    )
    return {
        "task": task.description,
        "title": subtask.title,
        "step": subtask.description,
        "criteria": criteria or "- It does what the step says, completely and correctly.",
        "inputs": given or "(none)",
    }


def _earlier(tried: Tried) -> str:
    """The last attempt, and all that was held against it and those before it."""
    if not tried:
        return ""
    said = dict.fromkeys(objection for outcome in reversed(tried) for objection in _objections(outcome))
    objections = "\n".join(f"- {objection}" for objection in said) or "- It could not be trusted."
    return Template(_text("earlier")).substitute(text=tried[-1].text, objections=objections)


def _objections(outcome: Outcome) -> list[str]:
    defects = outcome.verdict.defects if outcome.verdict else ()
    found = [finding for finding in outcome.found if finding.kind in _FOUND]
    return [
        *(defect.problem + _quoted(defect.quote) for defect in defects),
        *(_FOUND[finding.kind] + _quoted(finding.quote) for finding in found),
        *([outcome.reason] if outcome.winner in ("checker", "neither") and outcome.reason else []),
    ]


def _quoted(words: str) -> str:
    return f" (“{words}”)" if words else ""
