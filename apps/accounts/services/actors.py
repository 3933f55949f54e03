"""Who asks, and in which of their teams."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.models import Membership, User
from apps.accounts.services.teams import personal_team_ensure
from apps.common.errors import NotAllowed, NotFound


def actor_for(user: User, *, team: str | None = None, preferred_team: str | None = None) -> Actor:
    """The person acting in one team. `team` must be one of theirs (NotFound); `preferred_team` gives way to their first.

    A person without any team gets one of their own.
    """
    if not user.is_authenticated:
        raise NotAllowed(_("Sign in first."))
    memberships = list(Membership.objects.filter(user=user).select_related("team").order_by("created_at", "pk"))
    user.known_memberships = memberships  # type: ignore[attr-defined]  # the page's menu of teams shows them
    by_team = {str(membership.team.public_id): membership for membership in memberships}
    if team:
        if team not in by_team:
            raise NotFound(_("There is no such team, or you are not in it."))
        chosen = by_team[team]
    elif preferred_team in by_team:
        chosen = by_team[preferred_team]
    else:
        chosen = memberships[0] if memberships else personal_team_ensure(user)
    return Actor(user=user, team=chosen.team, role=chosen.role)
