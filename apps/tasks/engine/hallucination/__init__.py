"""How likely an answer is hallucinated: detectors that need no AI, and one fitted score of what they and others say."""

from apps.tasks.engine.hallucination.assess import assess
from apps.tasks.engine.hallucination.others import stalled
from apps.tasks.engine.hallucination.types import Assessment, Factor, Signal, Span

__all__ = ["Assessment", "Factor", "Signal", "Span", "assess", "stalled"]
