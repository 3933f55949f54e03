"""Links of this installation, written where no request tells its address: in the terminal."""

from __future__ import annotations

from django.conf import settings

_EVERYWHERE = ("0.0.0.0", "::", "")


def link_url(path: str) -> str:
    """`path` with scheme, host and port, as a browser on this machine reaches it."""
    host = "localhost" if settings.ORQ_HOST in _EVERYWHERE else settings.ORQ_HOST
    scheme, usual_port = ("https", 443) if settings.ORQ_HTTPS else ("http", 80)
    port = "" if usual_port == settings.ORQ_PORT else f":{settings.ORQ_PORT}"
    return f"{scheme}://{f'[{host}]' if ':' in host else host}{port}{path}"
