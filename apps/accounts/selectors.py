"""Everything that is read about people, teams and invitations."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from django.contrib.sessions.models import Session
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.models import Invitation, Membership, Notification, SignIn, Team, User
from apps.accounts.services import actor_for, token_hash
from apps.common.lookups import access_row
from apps.common.searching import with_words


def teams_visible(actor: Actor) -> QuerySet[Team]:
    """The teams that the person is in, each with `role`, theirs."""
    return Team.objects.filter(memberships__user=actor.user).annotate(role=F("memberships__role")).order_by("name", "pk")


def access_team(actor: Actor, public_id: uuid.UUID) -> Team:
    """One of the person's teams, with their `role`; NotFound for any other."""
    return access_row(teams_visible(actor), public_id, _("There is no such team, or you are not in it."))


def actor_in(actor: Actor, public_id: uuid.UUID) -> Actor:
    """The same person, acting in another of their teams; NotFound."""
    return actor_for(actor.user, team=str(public_id))


def members_list(actor: Actor) -> QuerySet[Membership]:
    """Who is in the actor's team, with their people."""
    return Membership.objects.filter(team=actor.team).select_related("user", "team").order_by("created_at", "pk")


def members_filtered(actor: Actor, *, search: str = "", role: str = "") -> QuerySet[Membership]:
    """Those of the role with each of the words in their name or address."""
    rows = with_words(members_list(actor), search, "user__name", "user__email")
    return rows.filter(role=role) if role else rows


def access_member(actor: Actor, public_id: uuid.UUID) -> Membership:
    return access_row(members_list(actor), public_id, _("There is no such member."))


def invitations_visible(actor: Actor) -> QuerySet[Invitation]:
    """Invitations to the actor's team that were not accepted yet; only admins see any."""
    found = Invitation.objects.filter(team=actor.team, accepted_at=None).select_related("team", "invited_by")
    return (found if actor.can_manage else found.none()).order_by("-created_at", "-pk")


def invitations_filtered(
    actor: Actor, *, now: datetime, search: str = "", role: str = "", state: str = ""
) -> QuerySet[Invitation]:
    """Those to addresses with the words, for the role, `open` or `expired` at that time."""
    rows = with_words(invitations_visible(actor), search, "email")
    if role:
        rows = rows.filter(role=role)
    if state not in ("open", "expired"):
        return rows
    return rows.filter(expires_at__gt=now) if state == "open" else rows.filter(expires_at__lte=now)


def access_invitation(actor: Actor, public_id: uuid.UUID) -> Invitation:
    return access_row(invitations_visible(actor), public_id, _("There is no such invitation."))


def link_open(token: str) -> Invitation | None:
    """The invitation or one-time link of this token while it can be used."""
    found = Invitation.objects.select_related("team", "invited_by").filter(token_hash=token_hash(token)).first()
    return found if found and found.is_open else None


def notifications_visible(actor: Actor) -> QuerySet[Notification]:
    """The person's own, of all their teams, newest first."""
    return Notification.objects.filter(user=actor.user).select_related("team").order_by("-created_at", "-pk")


def notifications_filtered(actor: Actor, *, search: str = "", kind: str = "", unread: str = "") -> QuerySet[Notification]:
    """Those with the words in their text, of the kind; with `unread` those not read yet."""
    rows = with_words(notifications_visible(actor), search, "title", "body")
    if kind:
        rows = rows.filter(kind=kind)
    return rows.filter(read_at=None) if unread else rows


def access_notification(actor: Actor, public_id: uuid.UUID) -> Notification:
    return access_row(notifications_visible(actor), public_id, _("There is no such notification."))


def notifications_unread(actor: Actor) -> int:
    return Notification.objects.filter(user=actor.user, read_at=None).count()


def sign_ins_visible(actor: Actor) -> QuerySet[SignIn]:
    """The browsers in which the person is signed in."""
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    return SignIn.objects.filter(user=actor.user, session_key__in=alive).order_by("-created_at", "-pk")


def access_sign_in(actor: Actor, public_id: uuid.UUID) -> SignIn:
    return access_row(sign_ins_visible(actor), public_id, _("There is no such session."))


def has_owner() -> bool:
    """Somebody can look after this installation."""
    return User.objects.filter(is_superuser=True, is_active=True).exists()


def owner_email() -> str:
    """Of whoever has looked after this installation longest."""
    return User.objects.filter(is_superuser=True, is_active=True).order_by("pk").values_list("email", flat=True)[0]


def me(actor: Actor) -> dict[str, Any]:
    """The person, the team they work in, and all their teams, as `GET /api/me/` tells them."""
    user = actor.user
    return {
        "id": user.public_id,
        "email": user.email,
        "name": user.name,
        "language": user.language,
        "theme": user.theme,
        "is_owner": user.is_superuser,
        "team": {"id": actor.team.public_id, "name": actor.team.name, "role": actor.role},
        "teams": [{"id": team.public_id, "name": team.name, "role": team.role} for team in teams_visible(actor)],  # type: ignore[attr-defined]
    }
