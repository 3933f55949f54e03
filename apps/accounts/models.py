"""People, teams (workspaces), roles, invitations."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.encryption import EncryptedText
from apps.common.models import Row
from apps.common.said_columns import SaidText


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin, Row):
    """A person, who signs in by e-mail. `is_superuser` is the owner of the installation."""

    email = models.EmailField(_("e-mail"), max_length=190, unique=True)  # kept in lower case: `services` see to it
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True)
    theme = models.CharField(
        _("theme"), max_length=6, default="system", choices=[("system", _("System")), ("light", _("Light")), ("dark", _("Dark"))]
    )
    is_staff = models.BooleanField(_("may use the admin"), default=False)
    is_active = models.BooleanField(_("active"), default=True)

    USERNAME_FIELD = "email"
    objects = UserManager()

    class Meta:
        db_table = "users"
        verbose_name = _("person")
        verbose_name_plural = _("people")

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def short_name(self) -> str:
        return self.name or self.email.partition("@")[0]


class Team(Row):
    """A workspace. Its data is apart from every other team's."""

    name = models.CharField(_("name"), max_length=120)
    members: models.ManyToManyField = models.ManyToManyField(User, through="Membership", related_name="teams")
    set_up_at = models.DateTimeField(_("first steps done"), null=True, blank=True)  # the first-run wizard is shown until then

    class Meta:
        db_table = "teams"
        verbose_name = _("team")
        verbose_name_plural = _("teams")

    def __str__(self) -> str:
        return self.name


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")


class Membership(Row):
    """What a person may do in a team."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)

    class Meta:
        db_table = "team_memberships"
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["user", "team"], name="one_membership_per_person_and_team"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.team} · {self.role}"


class Invitation(Row):
    """A link that lets one person join a team. Only the hash of its token is kept.

    An invitation without a team is the one-time link by which the first owner sets a password.
    """

    team = models.ForeignKey(Team, null=True, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail"), max_length=190, blank=True)
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MEMBER)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    expires_at = models.DateTimeField(_("expires"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)

    class Meta:
        db_table = "team_invitations"
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")

    def __str__(self) -> str:
        return f"{self.email or '…'} → {self.team or 'owner'}"

    @property
    def is_open(self) -> bool:
        return self.accepted_at is None and self.expires_at > timezone.now()


NOTE_LOOKS = {  # how a kind of notification looks: icon, tone
    "task_completed": ("ok", "ok"),
    "task_failed": ("problem", "bad"),
    "task_needs_you": ("hand", "warn"),
    "budget_alert": ("money", "warn"),
    "budget_refused": ("money", "bad"),
    "account_low": ("bank", "warn"),
    "download_failed": ("download", "bad"),
}


class Notification(Row):
    """Something a person should know, in the page's bell."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notifications")
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE, related_name="+")  # whose thing `url` is
    kind = models.CharField(max_length=40)  # task_completed, task_failed, task_needs_you, budget_alert, download_failed, …
    title = SaidText()
    body = SaidText(blank=True)
    url = models.CharField(max_length=300, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "notifications"
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        indexes = [
            models.Index(fields=["user", "read_at", "-created_at"], name="notifications_of_user"),
            models.Index(fields=["user", "-created_at"], name="notifications_newest"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def icon(self) -> str:
        return NOTE_LOOKS.get(self.kind, ("info", "info"))[0]

    @property
    def tone(self) -> str:
        return NOTE_LOOKS.get(self.kind, ("info", "info"))[1]


class SignIn(Row):
    """A browser in which a person is signed in, so that they can see it and end it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_ins")
    session_key = models.CharField(max_length=40, unique=True, editable=False)  # worth a password: never shown
    address = models.CharField(_("address"), max_length=45, blank=True)
    browser = models.CharField(_("browser"), max_length=300, blank=True)

    class Meta:
        db_table = "user_sessions"
        verbose_name = _("session")
        verbose_name_plural = _("sessions")

    def __str__(self) -> str:
        return f"{self.user} · {self.address}"


class IdempotentRequest(models.Model):
    """A request that asked to be done once, and its answer. `answer` empty: it is being done."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=120)
    path = models.CharField(max_length=300)
    body_hash = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    answer = EncryptedText(blank=True, default="")  # JSON; it may hold what is told once
    started_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "idempotent_requests"
        verbose_name = _("idempotent request")
        verbose_name_plural = _("idempotent requests")
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once_per_person")]

    def __str__(self) -> str:
        return f"{self.path} · {self.key}"
