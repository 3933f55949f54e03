"""What other processes say about keys and budgets: that they changed, so that nothing older is believed from then on.

A message may be lost; then what was read is believed for as long as it may be anyway.
"""

from __future__ import annotations

from apps.common.hub import Listener, hub
from apps.gateway import admission
from apps.providers.services.budgets import LIMITS_TOPIC


async def hear_of_changes() -> None:
    """For as long as the process serves."""
    listener = Listener()
    hub().subscribe(listener, LIMITS_TOPIC)
    try:
        while True:
            await listener.next()
            admission.forget()
    finally:
        hub().leave(listener)
