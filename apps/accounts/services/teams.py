"""Teams and who is in them, with which role."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.contract import TeamCreated
from apps.accounts.errors import LastOwner
from apps.accounts.models import Membership, Role, Team, User
from apps.common import events
from apps.common.errors import BadInput, NotAllowed, NotFound


def team_create(user: User, *, name: str) -> Team:
    """A team whose owner is `user`; whoever listens to TeamCreated furnishes it in the same transaction."""
    if not name.strip():
        raise BadInput(_("Give the team a name."), field="name")
    with transaction.atomic():
        team = Team.objects.create(name=name.strip()[:120])
        Membership.objects.create(user=user, team=team, role=Role.OWNER)
        events.publish(TeamCreated(team.pk))
    return team


def personal_team_ensure(user: User) -> Membership:
    """The first membership of a person, in a team made for them where there is none."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=user.pk)
        if not Membership.objects.filter(user=user).exists():
            team_create(user, name=_("Team of %(name)s") % {"name": user.short_name})
    return Membership.objects.select_related("team").filter(user=user).order_by("created_at", "pk")[0]


def team_rename(actor: Actor, *, name: str) -> Team:
    actor.must_manage()
    if not name.strip():
        raise BadInput(_("Give the team a name."), field="name")
    team = Team.objects.get(pk=actor.team.pk)
    team.name = name.strip()[:120]
    team.save(update_fields=["name", "updated_at"])
    return team


def member_role_change(actor: Actor, member: Membership, *, role: str) -> Membership:
    """Admins change roles up to admin; only owners make owners or change them. A team keeps an owner."""
    actor.must_manage()
    role_check(actor, role)
    with transaction.atomic():
        member = _locked(actor, member)
        if member.role == Role.OWNER and role != Role.OWNER:
            _must_leave_an_owner(actor, member)
        member.role = role
        member.save(update_fields=["role", "updated_at"])
    return member


def member_remove(actor: Actor, member: Membership) -> None:
    """Take a person out of the team (an admin), or leave it (the person). Never the last owner."""
    if member.user_id != actor.user.pk:
        actor.must_manage()
    with transaction.atomic():
        member = _locked(actor, member)
        if member.role == Role.OWNER:
            _must_leave_an_owner(actor, member)
        member.delete()


def role_check(actor: Actor, role: str) -> None:
    if role not in Role.values:
        raise BadInput(_("The role is owner, admin, member or viewer."), field="role")
    if role == Role.OWNER and actor.role != Role.OWNER:
        raise NotAllowed(_("Only owners can make somebody an owner."))


def _locked(actor: Actor, member: Membership) -> Membership:
    """The row as it is now, while nobody else changes the owners of the team."""
    Team.objects.select_for_update().get(pk=actor.team.pk)
    found = Membership.objects.select_related("user", "team").filter(pk=member.pk, team=actor.team).first()
    if found is None:
        raise NotFound()
    return found


def _must_leave_an_owner(actor: Actor, member: Membership) -> None:
    if actor.role != Role.OWNER:
        raise NotAllowed(_("Only owners can change an owner."))
    if not Membership.objects.filter(team=member.team, role=Role.OWNER).exclude(pk=member.pk).exists():
        raise LastOwner()
