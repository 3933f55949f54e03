"""How large what is sent may be: files at the addresses that take one, and anything else."""

from __future__ import annotations

from django.conf import settings

from apps.common import importing
from apps.knowledge.forms import MOST_FILE_BYTES

FILES = {
    r"/api/conversations/[^/]+/attachments/": settings.ORQ_ATTACHED_MOST_MB * 2**20,
    r"/(models/prices|specialized-ais|orchestrator/rules)/import/": importing.MOST_BYTES,
    r"/templates/import/": MOST_FILE_BYTES,
}
OTHERWISE = 32 * 2**20  # a prompt and its context, a million characters each, in whatever way they are written as JSON
