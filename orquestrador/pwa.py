"""What makes the product an app that can be installed: its manifest, its service worker, and the page shown without a network."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from apps.accounts.middleware import open_to_strangers

GROUND = "#f6f7f9"  # --ground of tokens.css in the light theme
WORKER = settings.BASE_DIR / "static" / "js" / "sw.js"
# What the shell of any page needs; a page's own files are kept as it is first opened.
SHELL_FILES = (
    "css/tokens.css",
    "css/base.css",
    "css/components.css",
    "css/pages.css",
    "js/shell.js",
    "js/session.js",
    "js/history.js",
    "js/palette.js",
    "js/live.js",
    "img/mark.svg",
)


@open_to_strangers
@require_GET
def manifest(request: HttpRequest) -> HttpResponse:
    """In the language of whoever installs it."""
    icons = [
        {"src": static("img/icon-192.png"), "sizes": "192x192", "type": "image/png", "purpose": "any"},
        {"src": static("img/icon-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "any"},
        {"src": static("img/icon-maskable-512.png"), "sizes": "512x512", "type": "image/png", "purpose": "maskable"},
        {"src": static("img/mark.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"},
    ]
    shortcuts = [
        {"name": _("Chat"), "url": reverse("chat:list")},
        {"name": _("New task"), "url": reverse("tasks:new")},
        {"name": _("Tasks"), "url": reverse("tasks:list")},
    ]
    body = {
        "id": "/",
        "name": "Orquestrador",
        "short_name": "Orquestrador",
        "description": _("Many AIs, one answer that was checked."),
        "lang": translation.get_language(),
        "start_url": "/",
        "scope": "/",
        "display": "standalone",
        "background_color": GROUND,
        "theme_color": GROUND,
        "icons": icons,
        "shortcuts": shortcuts,
    }
    return JsonResponse(body, content_type="application/manifest+json", headers={"Cache-Control": "no-cache"})


@open_to_strangers
@require_GET
def service_worker(request: HttpRequest) -> HttpResponse:
    """The worker with the files of this version. It lies at the root, because it may serve no address above its own."""
    shell = {"files": [static(name) for name in SHELL_FILES], "offline": reverse("offline"), "static": settings.STATIC_URL}
    shell["languages"] = [code for code, _name in settings.LANGUAGES]
    told = json.dumps(shell, sort_keys=True)
    source = Path(WORKER).read_text(encoding="utf-8")
    version = hashlib.sha256((told + source).encode()).hexdigest()[:12]
    text = f'const VERSION = "{version}";\nconst SHELL = {told};\n{source}'
    headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/", "X-Content-Type-Options": "nosniff"}
    return HttpResponse(text, content_type="text/javascript; charset=utf-8", headers=headers)


@open_to_strangers
@require_GET
def offline(request: HttpRequest) -> HttpResponse:
    """What the worker shows for a page that it has not kept. `?in=`: the language, since nobody is known to a worker."""
    wanted = request.GET.get("in", "")
    with translation.override(wanted if wanted in dict(settings.LANGUAGES) else translation.get_language()):
        return render(request, "orquestrador/offline.html")
