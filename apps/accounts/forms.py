"""Forms of people. They check the shape; the rules are in the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Role
from apps.common.errors import BadInput
from apps.common.forms import RefusableForm


def _password(label: Any, *, is_new: bool) -> forms.CharField:
    hint = "new-password" if is_new else "current-password"
    return forms.CharField(label=label, strip=False, max_length=256, widget=forms.PasswordInput(attrs={"autocomplete": hint}))


def _email(hint: str = "username") -> forms.EmailField:
    return forms.EmailField(label=_("E-mail"), max_length=190, widget=forms.EmailInput(attrs={"autocomplete": hint}))


def _name() -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "name"})
    return forms.CharField(label=_("Your name"), max_length=120, required=False, widget=widget)


class SignInForm(RefusableForm):
    email = _email()
    password = _password(_("Password"), is_new=False)


class NewPasswordForm(RefusableForm):
    password = _password(_("New password"), is_new=True)


class NewAccountForm(RefusableForm):
    """For somebody invited, whose e-mail is known."""

    name = _name()
    password = _password(_("Password"), is_new=True)


class OwnerForm(NewAccountForm):
    """For the first owner."""

    email = _email()
    field_order = ("email", "name", "password")


class ProfileForm(RefusableForm):
    name = _name()


class PasswordChangeForm(RefusableForm):
    current = _password(_("Current password"), is_new=False)
    new = _password(_("New password"), is_new=True)

    def refuse(self, error: BadInput) -> None:
        for one in error.errors:
            self.add_error("current" if one["field"] == "current" else "new", one["message"])


class InviteForm(RefusableForm):
    email = _email("off")
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.MEMBER)


class TeamForm(RefusableForm):
    name = forms.CharField(label=_("Name of the team"), max_length=120)
