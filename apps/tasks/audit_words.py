"""Words for what the check of an audit chain finds."""

from __future__ import annotations

from django.utils.translation import gettext as _

from apps.tasks.services.audit import AuditProblem


def problem_words(problem: AuditProblem) -> str:
    """What is wrong with an entry, in the language of now."""
    at = {"n": problem.number, "last": problem.last, "was": problem.was}
    match problem.kind:
        case "removed" if problem.last not in (None, problem.number):
            return _("Entries %(n)s to %(last)s were removed.") % at
        case "removed":
            return _("Entry %(n)s was removed.") % at
        case "moved":
            return _("Entry %(n)s stood at place %(was)s.") % at
        case "added":
            return _("Entry %(n)s was added behind the end.") % at
    return _("Entry %(n)s was changed.") % at
