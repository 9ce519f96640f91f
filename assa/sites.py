"""What is served over HTTP, put together out of the configuration."""

from __future__ import annotations

import time
from typing import Any

from twisted.web.resource import IResource, Resource

from assa import __version__
from assa.auth import mint
from assa.config import Config, signing_keys
from assa.files.service import UPLOADS
from assa.http.addresses import Origins, Proxies
from assa.http.admin import AdminResource
from assa.http.downloads import FileResource
from assa.http.health import HealthResource
from assa.http.metrics import MetricsResource
from assa.http.pages import DevelopmentTokens, Json, Pages
from assa.http.site import ChatSite, tree
from assa.http.uploads import UploadResource
from assa.http.websocket import WebSocketResource
from assa.tcp import ChatFactory

_DAY_S = 86_400


def make_sites(config: Config, reactor: Any, chat: ChatFactory) -> dict[str, ChatSite]:
    """Return the HTTP sites, by the setting whose endpoints each is served on."""
    http, origins = config.http, Origins(config.http.origins)
    resources: dict[str, IResource] = {
        "ws": WebSocketResource(
            chat.connections,
            origins=origins,
            proxies=Proxies(http.trusted_proxies),
            compression=http.compression,
        )
    }
    if config.development:
        resources["dev/token"] = DevelopmentTokens(lambda *whose: _development_token(config, *whose))
    resources |= _files(config, origins, chat, reactor)
    operations = make_operations(chat, public=not http.admin_listen)
    if not http.admin_listen:
        resources |= operations
    return {
        "http.listen": _site(tree(resources, _pages(config, resources)), reactor, chat),
        "http.admin_listen": _site(tree(operations), reactor, chat),
    }


def _files(config: Config, origins: Origins, chat: ChatFactory, reactor: Any) -> dict[str, IResource]:
    """Return what takes and serves files, nothing where uploads are off."""
    services = chat.node.services
    files = services.files
    if files is None:
        return {}
    return {
        UPLOADS: UploadResource(files, origins=origins, clock=reactor),
        config.files.prefix.strip("/"): FileResource(
            files, tokens=services.tokens, origins=origins, clock=reactor
        ),
    }


def make_operations(chat: ChatFactory, *, public: bool) -> dict[str, IResource]:
    """Return what operators and their programs ask for.

    Args:
        chat: The node's connections.
        public: Whether anybody can reach it: metrics are for operators then, and for the machine itself.
    """
    node = chat.node
    return {
        "metrics": MetricsResource(chat.connections, node.services.tokens if public else None),
        "healthz": HealthResource(),
        "readyz": HealthResource(lambda: node.unready),
        "admin": AdminResource(chat.connections),
    }


def _site(root: Resource, reactor: Any, chat: ChatFactory) -> ChatSite:
    return ChatSite(root, reactor, connections=chat.node.limits.unauthenticated_connections)


def _pages(config: Config, resources: dict[str, IResource]) -> Resource | None:
    if not config.http.web_client:
        return None
    resources["config.json"] = Json(
        {
            "version": __version__,
            "websocket": "/ws",
            "development": config.development,
            "uploads": config.files.uploads,
        }
    )
    return Pages(connects=config.http.public_url)


def _development_token(config: Config, user_id: int, nickname: str | None) -> str:
    """Return a token that a development server accepts for a day."""
    return mint(
        signing_keys(config)[0],
        user_id=user_id,
        nickname=nickname,
        audience=config.auth.audience[:1],
        issuer=config.auth.issuer,
        lifetime_s=_DAY_S,
        now=time.time(),
    )
