"""A prompt and its route as JSON, the way the row of its execution keeps them; and a kept prompt as it was asked."""

from __future__ import annotations

import typing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from apps.providers.contract import ChatRequest, Message, ToolCall
from apps.tasks.engine.routing.types import Needs, Routed, RoutedPrompt, Selection
from apps.tasks.engine.types import Findings, ModelRef
from apps.tasks.services.audit import plain

if TYPE_CHECKING:
    from apps.tasks.models import TaskExecution

PARTIAL_CHARS = 4_000  # of an answer that was cut, for whoever wants to see why


def message_json(message: Message) -> dict[str, Any]:
    """As it is kept: of images only how many there were."""
    calls = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in message.tool_calls]
    said = {"role": message.role, "content": message.content}
    more = {"images": len(message.images), "tool_calls": calls, "tool_call_id": message.tool_call_id}
    return said | {name: value for name, value in more.items() if value}


def request_json(prompt: RoutedPrompt) -> dict[str, Any]:
    asked = prompt.request
    kept = {
        "forced_model": prompt.forced_model,
        "verify": prompt.verify,
        "category": prompt.category,
        "max_output_tokens": asked.max_output_tokens,
        "temperature": asked.temperature,
        "seed": asked.seed,
        "stop": list(asked.stop),
        "json_schema": dict(asked.json_schema) if asked.json_schema is not None else None,
        "schema_name": asked.schema_name if asked.json_schema is not None else None,
        "tools": [dict(tool) for tool in asked.tools],
        "tool_choice": asked.tool_choice,
    }
    return {name: value for name, value in kept.items() if value not in (None, "", [], False)}


def prompt_again(execution: TaskExecution, *, forced_model: str) -> RoutedPrompt:
    """The same prompt once more, for one model."""
    kept = execution.metadata.get("request", {})
    messages = tuple(
        Message(
            said["role"],
            said["content"],
            tool_calls=tuple(ToolCall(**call) for call in said.get("tool_calls", ())),
            tool_call_id=said.get("tool_call_id", ""),
        )
        for said in execution.messages
    )
    request = ChatRequest(
        model="",
        messages=messages,
        max_output_tokens=kept.get("max_output_tokens"),
        temperature=kept.get("temperature"),
        seed=kept.get("seed"),
        stop=tuple(kept.get("stop", ())),
        json_schema=kept.get("json_schema"),
        schema_name=kept.get("schema_name", "answer"),
        tools=tuple(kept.get("tools", ())),
        tool_choice=kept.get("tool_choice", ""),
    )
    category = kept.get("category", "")
    return RoutedPrompt(
        str(execution.public_id), request, execution.input, forced_model=forced_model, use_cache=False, category=category
    )


def route_json(routed: Routed) -> dict[str, Any]:
    """The route in detail, as `metadata` keeps it."""
    found: dict[str, Any] = {
        "attempts": [
            {
                "model": model_json(attempt.model),
                "confidence": attempt.confidence if attempt.trust else None,
                "signals": [
                    {"name": one.name, "value": one.value, "contribution": one.contribution, "detail": one.detail}
                    for one in (attempt.trust.signals if attempt.trust else ())
                ],
                "error_code": attempt.error_code,
                "error": attempt.error,
                "finish_reason": attempt.completion.finish_reason if attempt.completion else None,
                "latency_ms": attempt.completion.latency_ms if attempt.completion else None,
                "cost_usd": attempt.cost_usd,
                "partial": attempt.partial[:PARTIAL_CHARS],
                "hallucination": hallucination_json(attempt.findings),
            }
            for attempt in routed.attempts
        ],
        "finish_reason": routed.completion.finish_reason,
        "tool_calls": [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in routed.completion.tool_calls],
        "why_not_verified": routed.why_not_verified,
        "verification": verification_json(routed),
    }
    if routed.needs is not None:
        found["needs"] = needs_json(routed.needs)
    if routed.selection is not None:
        found["selection"] = selection_json(routed.selection)
    if routed.cached is not None:
        found["cached"] = {"saved_usd": routed.cached.saved_usd, "likeness": routed.cached.likeness}
    return plain(found)


def hallucination_json(findings: Findings | None) -> dict[str, Any] | None:
    """The score with the part of each detector and its spans, as the step of a task keeps it; None: the text was not weighed."""
    if findings is None or findings.assessment is None:
        return None
    return typing.cast(dict[str, Any], msgspec.to_builtins(findings))


def verification_json(routed: Routed) -> dict[str, Any] | None:
    """Who checked, what was found, who settled it; None where nobody gave a verdict."""
    if routed.opinion is None or routed.opinion.check.verdict is None:
        return None
    verdict, settlement = routed.opinion.check.verdict, routed.opinion.settlement
    return plain(
        {
            "checker": model_json(verdict.by),
            "score": verdict.score,
            "divergence": routed.opinion.divergence,
            "divergence_parts": routed.opinion.check.divergence.parts if routed.opinion.check.divergence else {},
            "confidence": routed.confidence,
            "confidence_parts": [
                {"name": one.name, "points": one.points, "detail": one.detail} for one in routed.confidence_parts
            ],
            "summary": verdict.summary,
            "own_answer": verdict.own_answer,
            "defects": [{"problem": one.problem, "quote": one.quote, "severity": one.severity} for one in verdict.defects],
            "judge": model_json(settlement.ruling.by) if settlement.ruling else None,
            "winner": settlement.ruling.winner if settlement.ruling else None,
            "reason": settlement.ruling.reason if settlement.ruling else "",
        }
    )


def needs_json(needs: Needs) -> dict[str, Any]:
    return {
        "complexity": needs.complexity.score,
        "task_type": needs.category,
        "tier": needs.tier,
        "tokens": needs.tokens,
        "capabilities": list(needs.capabilities),
        "features": [
            {"name": one.name, "value": one.value, "contribution": one.contribution} for one in needs.complexity.features
        ],
    }


def selection_json(selection: Selection) -> dict[str, Any]:
    return {
        "is_exploring": selection.is_exploring,
        "considered": [
            {
                "model": model_json(one.model),
                "reason": one.reason,
                "is_chosen": one.is_chosen,
                "price": one.price,
                "score": one.score,
                "latency_ms": one.latency_ms,
            }
            for one in selection.considered
        ],
    }


def model_json(model: ModelRef) -> dict[str, Any]:
    return {"id": model.id, "provider": model.provider, "model": model.model, "label": model.label, "tier": model.tier}


def percent(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(max(0.0, min(100.0, value)))).quantize(Decimal("0.01"))
