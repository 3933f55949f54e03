"""How the product speaks to a model: `full` for ordinary ones, `compact` for tiny ones that know only short set phrases."""

from __future__ import annotations

from typing import Any, Protocol

from apps.tasks.engine.types import Inputs, ModelRef, Plan, PlannedSubtask, Prompt, TaskSpec, Tried, Verdict


class PromptProfile(Protocol):
    """Prompts for each purpose, and how to read what comes back. `data` has already passed the prompt's JSON schema."""

    def plan_prompt(self, task: TaskSpec) -> Prompt: ...
    def read_plan(self, task: TaskSpec, data: Any) -> Plan: ...  # raises BadPlan
    def work_prompt(self, task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs, tried: Tried) -> Prompt: ...
    def continued(self, prompt: Prompt, so_far: str) -> Prompt: ...
    def check_prompt(self, task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs, draft: str) -> Prompt: ...
    def read_verdict(self, by: ModelRef, data: Any) -> Verdict: ...  # raises BadVerdict
    def settle_prompt(self, task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs, side_a: str, side_b: str) -> Prompt: ...
    def read_ruling(self, data: Any) -> tuple[str, str]: ...  # letter or "neither", reason; raises BadVerdict
    def again(self, prompt: Prompt, answer: str, problem: str) -> Prompt: ...


def of(model: ModelRef) -> PromptProfile:
    from apps.tasks.engine.profiles.compact import CompactProfile
    from apps.tasks.engine.profiles.full import FullProfile

    return CompactProfile() if model.profile == "compact" else FullProfile()
