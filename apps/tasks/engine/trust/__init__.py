"""How far an answer can be trusted, from cheap checks of the answer against its prompt; no AI is asked."""

from apps.tasks.engine.trust.assess import Signal, Trust, assess

__all__ = ["Signal", "Trust", "assess"]
