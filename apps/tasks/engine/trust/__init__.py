"""How far an answer can be trusted, from cheap checks of the answer against its prompt; no AI is asked."""

from apps.tasks.engine.trust.assess import Signal, Trust, assess
from apps.tasks.engine.trust.evidence import rests_on_evidence

__all__ = ["Signal", "Trust", "assess", "rests_on_evidence"]
