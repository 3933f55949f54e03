"""Events that accounts publishes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TeamCreated:
    """A team was made; published inside the transaction that makes it. `team_id` is the internal key."""

    team_id: int
