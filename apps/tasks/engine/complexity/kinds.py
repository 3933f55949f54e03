"""Which kind of task a prompt asks for: stated rules over the counts of features.py; there is no data to fit them to.

Every kind gathers points from the words of its trade; the kind with most points wins if it reaches its threshold, else the
prompt is general.
"""

from __future__ import annotations

import re
from math import expm1
from typing import Literal

from apps.tasks.engine.complexity.features import Reading

TaskType = Literal["chat", "general", "reasoning_advanced", "code_generation", "visual_analysis", "research"]
_ASKS_FOR_CODE = re.compile(
    r"```|\b(?:write|implement|fix|debug|refactor|create|build|optimi[sz]e|"
    r"escrev[ae]r?|implement[ae]r?|corrij[ao]|depur[ae]r?|refator[ae]r?|crie|criar|otimiz[ae]r?|faça)\b.{0,60}?"
    r"\b(?:code|function|script|program|class|query|regex|api|test|website|web ?page|html|sql|algorithm|component|endpoint|app|"
    r"código|função|programa|classe|consulta|testes?|site|página|algoritmo|componente|aplicativo)\b",
    re.IGNORECASE | re.DOTALL,
)
_BUILDS = re.compile(r"\b(?:implement|refactor|debug|code|programe|implemente|refatore|depure)\b", re.IGNORECASE)
_LOOKS_AT_A_PICTURE = re.compile(
    r"\b(?:this|the|attached|these|that|following|my)\s+(?:\w+\s+)?(?:image|picture|photo|screenshot|diagram|chart|figure|drawing|x-ray)s?\b"
    r"|\b(?:est[ae]s?|ness[ae]s?|nest[ae]s?|d?ess[ae]s?|n?[ao]|em|anexad[ao])\s+(?:imagem|imagens|fotos?|fotografia|"
    r"captura de tela|diagrama|gráfico|desenho|figura)\b|\b(?:imagem|foto|print|captura)\s+(?:em )?anex[ao]"
    r"|!\[[^\]]*\]\(|\bdata:image/",
    re.IGNORECASE,
)
_THRESHOLDS: dict[TaskType, float] = {
    "code_generation": 2.0,
    "visual_analysis": 2.0,
    "research": 2.0,
    "reasoning_advanced": 2.5,
    "chat": 1.0,
}
SHORT_WORDS = 14
_WORK = ("create", "rework", "code", "calculate", "analyse", "list_asked", "proof", "research", "quantity_asked")


def kind_of(prompt: str, reading: Reading, *, has_images: bool) -> TaskType:
    """One of chat, general, reasoning_advanced, code_generation, visual_analysis, research."""
    points = _points(prompt[:4000], reading, has_images=has_images)
    reached = {kind: points[kind] / least for kind, least in _THRESHOLDS.items() if points[kind] >= least}
    return max(reached, key=lambda kind: reached[kind]) if reached else "general"


def _points(prompt: str, reading: Reading, *, has_images: bool) -> dict[TaskType, float]:
    counts, values = reading.counts, reading.values
    asks_for_code = bool(_ASKS_FOR_CODE.search(prompt))
    return {
        "code_generation": 4.0 * asks_for_code
        + 2.0 * bool(_BUILDS.search(prompt) and counts["code"])
        + 0.5 * min(4, counts["code"])
        + (2.0 if values["code_marks"] > 1.0 else 0.0),
        "visual_analysis": 8.0 if has_images else 3.0 * bool(not reading.has_options and _LOOKS_AT_A_PICTURE.search(prompt)),
        "research": 1.0 * min(5, counts["research"]) - 2.0 * asks_for_code,
        "reasoning_advanced": (
            1.3 * min(3, counts["quantity_asked"])
            + 1.0 * min(3, counts["calculate"])
            + 2.5 * min(2, counts["proof"])
            + 0.8 * min(2, counts["justify"])
            + 0.8 * min(3, counts["judge"])
            + 0.4 * min(4, counts["relation"])
            + 0.6 * min(2, counts["condition"])
            + 0.6 * min(3, round(expm1(values["distinct_numbers"])))
            + (1.5 if values["symbols"] > 1.0 and not values["code_marks"] else 0.0)
            + (1.5 if reading.has_options else 0.0)
            - (2.0 if counts["create"] or counts["persona"] else 0.0)
        ),
        "chat": _small_talk(reading),
    }


def _small_talk(reading: Reading) -> float:
    """One point and more where a short prompt is mostly courtesy and asks for no work."""
    counts = reading.counts
    asks_for_work = (
        any(counts[name] for name in _WORK) or reading.has_options or reading.values["quotes"] or reading.values["numbers"]
    )
    if asks_for_work or reading.n_words > SHORT_WORDS or not reading.n_words:
        return 0.0
    return 4.0 * counts["small_talk"] / reading.n_words
