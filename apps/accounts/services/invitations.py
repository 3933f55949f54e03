"""Inviting people to a team, and joining it by the link."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.errors import LinkNotUsable
from apps.accounts.models import Invitation, Membership, Role, User
from apps.accounts.services.links import link_take, token_create, token_hash
from apps.accounts.services.people import email_clean, user_create
from apps.accounts.services.teams import role_check
from apps.common.errors import Conflict

INVITATION_LIFE = timedelta(days=7)


def invite_create(actor: Actor, *, email: str, role: str = Role.MEMBER) -> tuple[Invitation, str]:
    """An invitation and its token, which is told this once and kept only as a hash. A newer one replaces an older."""
    actor.must_manage()
    role_check(actor, role)
    email = email_clean(email)
    if Membership.objects.filter(team=actor.team, user__email=email).exists():
        raise Conflict(_("%(email)s is in the team already.") % {"email": email})
    token = token_create()
    with transaction.atomic():
        Invitation.objects.filter(team=actor.team, email=email, accepted_at=None).delete()
        invitation = Invitation.objects.create(
            team=actor.team,
            email=email,
            role=role,
            invited_by=actor.user,
            token_hash=token_hash(token),
            expires_at=timezone.now() + INVITATION_LIFE,
        )
    return invitation, token


def invite_revoke(actor: Actor, invitation: Invitation) -> None:
    actor.must_manage()
    invitation.delete()


def invite_accept(token: str, *, user: User | None = None, password: str = "", name: str = "") -> Membership:
    """Join by a link. Somebody signed in must be the one invited; a stranger makes an account with the invited address.

    Raises LinkNotUsable, and BadInput for the password.
    """
    with transaction.atomic():
        invitation = link_take(token, is_for_team=True)
        if user is None:
            user = user_create(email=invitation.email, password=password, name=name)
        elif user.email != invitation.email:
            raise LinkNotUsable(_("This invitation is for another e-mail. Sign in with that one."))
        membership, _made = Membership.objects.get_or_create(user=user, team=invitation.team, defaults={"role": invitation.role})
    return membership
