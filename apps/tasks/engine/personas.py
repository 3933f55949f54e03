"""Specialized AIs in the flow: which one is meant for a role and a category, and how a model speaks as one.

They come as plain values through the ports. What was chosen is stored with the cast, so that a resumed task goes on with it
although somebody has changed it since. Tiny models, which know only set phrases, always speak as themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from apps.providers.contract import Message
from apps.tasks.engine.types import Candidate, ModelRef, Persona, Prompt


def persona_for(personas: Iterable[Persona], role: str, category: str) -> Persona | None:
    """The first that is meant for the category by name, else the first that is meant for all; None: nobody in particular."""
    of_role = [persona for persona in personas if persona.role == role]
    named = (persona for persona in of_role if category.strip().lower() in persona.categories)
    return next(named, next((persona for persona in of_role if not persona.categories), None))


def preferred_first(ranked: list[Candidate], persona: Persona | None) -> list[Candidate]:
    """The models that the specialized AI would rather speak through, in its order, before the others in theirs."""
    if persona is None or not persona.models:
        return ranked
    wanted = {model_id: position for position, model_id in enumerate(persona.models)}
    return sorted(ranked, key=lambda candidate: wanted.get(candidate.ref.id, len(wanted)))


def families_preferred(usable: Iterable[Candidate], *personas: Persona | None) -> set[str]:
    """The families of the models that these would speak through now: the first of each that can be asked."""
    families = {candidate.ref.id: candidate.ref.family for candidate in usable}
    firsts = (next((one for one in persona.models if one in families), None) for persona in personas if persona)
    return {families[one] for one in firsts if one is not None}


def voiced(prompt: Prompt, persona: Persona | None, model: ModelRef) -> Prompt:
    """The prompt as this model is to hear it: first who it is, then the rules of the stage, which so have the last word."""
    if persona is None or model.profile == "compact":
        return prompt
    rules = "\n\n".join(message.content for message in prompt.messages if message.role == "system")
    system = Message("system", "\n\n".join(part for part in (persona.system_prompt.strip(), rules) if part))
    others = tuple(message for message in prompt.messages if message.role != "system")
    return replace(
        prompt,
        messages=(system, *others),
        temperature=prompt.temperature if persona.temperature is None else persona.temperature,
        max_output_tokens=persona.max_output_tokens or prompt.max_output_tokens,
        spoken_as=persona.id,
    )
