"""The one door through which every model is asked."""

from apps.providers.calls.door import Calls
from apps.providers.calls.items import Switched, Waiting

__all__ = ["Calls", "Switched", "Waiting"]
