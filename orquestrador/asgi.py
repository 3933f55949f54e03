"""The ASGI application: the gateway and static files first, then pages and API by Django, sockets by Channels."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orquestrador.settings")
django_application = get_asgi_application()

from channels.routing import ProtocolTypeRouter  # noqa: E402
from django.conf import settings  # noqa: E402
from servestatic import ServeStaticASGI  # noqa: E402

from apps.common.uploads import UploadLimits  # noqa: E402
from apps.gateway.app import GatewayApp  # noqa: E402
from orquestrador import uploads  # noqa: E402
from orquestrador.routing import sockets  # noqa: E402

limited = UploadLimits(django_application, uploads.FILES, otherwise=uploads.OTHERWISE)
gateway = GatewayApp(
    ServeStaticASGI(
        limited,
        root=settings.STATIC_ROOT,
        prefix=settings.STATIC_URL,
        max_age=31_536_000,
        immutable_file_test=r".*",  # every name that pages use carries the hash of what it names
    )
)
application = ProtocolTypeRouter({"http": gateway, "websocket": sockets, "lifespan": gateway.lifespan})
