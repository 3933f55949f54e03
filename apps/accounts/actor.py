"""Who asks: a person acting in one team with one role. Services and selectors take an Actor, never a bare user."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.accounts.models import Role, Team, User
from apps.common.errors import NotAllowed

_RANK = {Role.VIEWER: 0, Role.MEMBER: 1, Role.ADMIN: 2, Role.OWNER: 3}


@dataclass(frozen=True, slots=True)
class Actor:
    user: User
    team: Team
    role: str

    @property
    def can_work(self) -> bool:
        """May start tasks and change their own things."""
        return _RANK[Role(self.role)] >= _RANK[Role.MEMBER]

    @property
    def can_manage(self) -> bool:
        """May change what the whole team uses: providers, models, people."""
        return _RANK[Role(self.role)] >= _RANK[Role.ADMIN]

    def must_work(self) -> None:
        if not self.can_work:
            message = _("Viewers can read but not change things. Ask an admin of %(team)s for the role of member.")
            raise NotAllowed(message % {"team": self.team})

    def must_manage(self) -> None:
        if not self.can_manage:
            raise NotAllowed(_("Only admins of %(team)s can do this. Ask one of them.") % {"team": self.team})

    def may_change(self, owner_id: int | None) -> bool:
        """The row's owner, or an admin of the team."""
        return self.can_work and (owner_id == self.user.pk or self.can_manage)

    def must_own(self, owner_id: int | None) -> None:
        """For whoever `may_change` what is the owner's; others are told why not."""
        self.must_work()
        if not self.may_change(owner_id):
            raise NotAllowed(_("Only the person who made this, or an admin, can change it."))


class Asked(HttpRequest):
    """A request of somebody signed in, as the middleware gives it to the pages."""

    actor: Actor
    user: User
