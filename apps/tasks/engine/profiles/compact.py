"""Prompts for tiny models that know only a few set phrases: the practice models that ship with the product.

A plan names the lines of the description and what each needs; a step may use the results of others as "step N", which
is put in place before it is asked. Everything else about them is ordinary: real models, real answers, right or wrong.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from apps.common.contract import say as _
from apps.providers.contract import Message
from apps.tasks.engine.errors import BadPlan, BadVerdict
from apps.tasks.engine.types import Inputs, ModelRef, Plan, PlannedSubtask, Prompt, TaskSpec, Tried, Verdict

MAX_LINES = 4
_STEP = re.compile(r"\b(?:step|passo|etapa) (\d+)\b", re.IGNORECASE)
_NUMBERING = re.compile(r"^\s*(?:[-*•]|\d+[.):])\s*")


def _object(**properties: dict) -> dict:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


PLAN_SCHEMA = _object(
    subtasks={
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_LINES,
        "items": _object(line={"type": "integer"}, depends_on={"type": "array", "items": {"type": "integer"}}),
    }
)
VERDICT_SCHEMA = _object(expected={"type": "string"}, score={"type": "integer"})
RULING_SCHEMA = _object(expected={"type": "string"}, winner={"enum": ["A", "B", "neither"]})


class CompactProfile:
    def plan_prompt(self, task: TaskSpec) -> Prompt:
        lines = lines_of(task.description)
        numbered = "\n".join(f"{number}: {line}" for number, line in enumerate(lines, 1))
        return _prompt("plan", numbered, PLAN_SCHEMA, max_output_tokens=200)

    def read_plan(self, task: TaskSpec, data: Any) -> Plan:
        """The plan, with what a line names and the planner overlooked added to its needs; the plan's note says so."""
        lines = lines_of(task.description)
        if len(lines) > MAX_LINES:
            raise BadPlan(
                _("A practice model plans at most %(most)s lines; this task has %(n)s.") % {"most": MAX_LINES, "n": len(lines)}
            )
        try:
            steps = {int(item["line"]): tuple(sorted({int(need) for need in item["depends_on"]})) for item in data["subtasks"]}
        except (TypeError, KeyError, ValueError) as error:
            raise BadPlan(_("The plan does not have the agreed shape: %(error)s.") % {"error": error}) from error
        if missing := [number for number in range(1, len(lines) + 1) if number not in steps]:
            raise BadPlan(_("The plan leaves out line %(line)s.") % {"line": missing[0]})
        if extra := [number for number in steps if not 1 <= number <= len(lines)]:
            raise BadPlan(_("The plan names line %(line)s, which the task does not have.") % {"line": extra[0]})
        named = {number: {int(step) for step in _STEP.findall(line)} & steps.keys() for number, line in enumerate(lines, 1)}
        added = [f"{n} needs {need}" for n in sorted(steps) for need in sorted(named[n] - set(steps[n]))]
        subtasks = (
            PlannedSubtask(
                order=n,
                title=lines[n - 1][:200],
                description=lines[n - 1],
                category=task.category,
                depends_on=tuple(sorted(named[n].union(steps[n]))),
            )
            for n in sorted(steps)
        )
        return Plan(tuple(subtasks), note=f"Added to the plan, because the lines say so: {', '.join(added)}." if added else "")

    def work_prompt(self, task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs, tried: Tried) -> Prompt:
        return _prompt("work", filled(subtask.description, inputs), None, max_output_tokens=48)

    def continued(self, prompt: Prompt, so_far: str) -> Prompt:
        return replace(prompt, messages=(*prompt.messages, Message("assistant", so_far)))

    def check_prompt(self, task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs, draft: str) -> Prompt:
        return _prompt("check", f"question: {filled(subtask.description, inputs)}\nanswer: {draft}", VERDICT_SCHEMA)

    def read_verdict(self, by: ModelRef, data: Any) -> Verdict:
        try:
            score, expected = float(data["score"]), str(data["expected"]).strip()
        except (TypeError, KeyError, ValueError) as error:
            raise BadVerdict(_("The verdict does not have the agreed shape: %(error)s.") % {"error": error}) from error
        if not 0 <= score <= 100:
            raise BadVerdict(_("Scores go from 0 to 100."))
        return Verdict(score, by, own_answer=expected or None)

    def settle_prompt(self, task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs, side_a: str, side_b: str) -> Prompt:
        return _prompt("settle", f"question: {filled(subtask.description, inputs)}\nA: {side_a}\nB: {side_b}", RULING_SCHEMA)

    def read_ruling(self, data: Any) -> tuple[str, str]:
        if not isinstance(data, dict) or data.get("winner") not in ("A", "B", "neither") or "expected" not in data:
            raise BadVerdict(_("The winner must be A, B or neither."))
        return data["winner"], f"The answer is {data['expected']}."

    def again(self, prompt: Prompt, answer: str, problem: str) -> Prompt:
        return prompt  # they understand no objections; asking again plainly is all that can be done


def lines_of(description: str) -> list[str]:
    """The steps that a description names: its lines, or its parts between semicolons or full stops; numbering taken off."""
    text = description.strip()
    parts = text.splitlines() if "\n" in text else re.split(r";|\.\s", text)
    return [line for part in parts if (line := _NUMBERING.sub("", part).strip().rstrip(".;"))]


def filled(line: str, inputs: Inputs) -> str:
    """The line with "step N" replaced by what step N came to."""
    return _STEP.sub(lambda match: inputs[int(match[1])].text if int(match[1]) in inputs else match[0], line)


def _prompt(system: str, user: str, schema: dict | None, *, max_output_tokens: int = 64) -> Prompt:
    messages = (Message("system", system), Message("user", user))
    return Prompt(messages, schema, schema_name=system, max_output_tokens=max_output_tokens, temperature=0.0)
