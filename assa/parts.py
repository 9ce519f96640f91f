"""Makes the parts of a server out of its configuration: the only place that chooses."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Any

from attrs import asdict

from assa.actions import ALL
from assa.auth import Tokens
from assa.config import Config, create_state_dir, database_password, limits_of, signing_keys
from assa.files.disk import DiskStore
from assa.files.paths import Paths
from assa.files.service import UPLOADS, Files
from assa.files.threads import Threads
from assa.hub import Hub
from assa.ice import IceServers
from assa.node import Node
from assa.protocol import Announcement
from assa.rates import RateLimits
from assa.registry import Services
from assa.rules import ConfigError
from assa.storage.sqlite import SqliteStore
from assa.storage.thread import DatabaseThread

_OTHERS = frozenset(
    {"", UPLOADS, "admin", "app", "assa", "config.json", "dev", "healthz", "metrics", "readyz", "ws"}
)
"""What the HTTP port has at its root besides files."""


def now_ms() -> int:
    """Return the time, milliseconds since the epoch."""
    return int(time.time() * 1000)


def farewell(reconnect_after_ms: int) -> Announcement:
    """Return the announcement of a shutdown (v1.1)."""
    return Announcement(
        title="서버 종료 안내",
        message="서버가 곧 종료됩니다. 잠시 후 자동으로 다시 연결됩니다",
        priority="high",
        announcement_type="shutdown",
        reconnect_after_ms=reconnect_after_ms,
    )


def make_store(config: Config, reactor: Any, hub: Hub, *, listens: bool = True) -> Any:
    """Return the store that the configuration names, not open yet: :class:`assa.storage.Store`.

    Args:
        config: What to build.
        reactor: Where it runs.
        hub: Gets the events.
        listens: Whether it hears what other nodes write; not needed to work on the data alone.

    Raises:
        ConfigError: A password cannot be read, or what PostgreSQL needs is not installed.
    """
    if config.postgres:
        return _make_postgres(config, reactor, hub, listens=listens)
    if not config.storage.url:
        create_state_dir(config)
    return SqliteStore(config.sqlite_path, worker=DatabaseThread(reactor), deliver=hub.deliver, now_ms=now_ms)


def _make_postgres(config: Config, reactor: Any, hub: Hub, *, listens: bool) -> Any:
    try:
        # Only who uses it needs its drivers.
        from assa.storage.postgres import PostgresStore, with_password  # noqa: PLC0415
    except ImportError as wrong:
        raise ConfigError(f"storage.url: {wrong}; pip install 'assa[postgres]'") from None
    storage, password = config.storage, database_password(config)
    try:
        return PostgresStore(
            with_password(storage.url, password),
            reactor=reactor,
            deliver=hub.deliver,
            now_ms=now_ms,
            listens=listens,
            listen_url=storage.listen_url and with_password(storage.listen_url, password),
            size=storage.connections,
            poll_s=config.nodes.poll,
        )
    except ValueError as wrong:
        raise ConfigError(f"storage.url or storage.listen_url: {wrong}") from None


def make_files(config: Config, reactor: Any, store: Any) -> Files | None:
    """Return what keeps uploaded files; None: uploads are off, or nobody could bring any.

    Raises:
        ConfigError: Their directory cannot be used.
    """
    files = config.files
    if not files.uploads or not (config.http.listen or config.http.public_url):
        return None
    if files.prefix.split("/")[1] in _OTHERS:
        raise ConfigError(f"files.prefix: {files.prefix} is for something else; files.uploads needs its own")
    if not files.directory:
        create_state_dir(config)
    disk = DiskStore(Path(config.files_directory), Threads(reactor).do)
    try:
        disk.prepare()
    except OSError as wrong:
        raise ConfigError(f"files.directory: {wrong}") from None
    return Files(
        store=store,
        blobs=disk,
        now_ms=now_ms,
        paths=Paths(files.prefix),
        public_url=config.http.public_url,
        foreign=files.foreign,
        quota=files.user_quota,
        upload_ttl_s=files.upload_ttl,
        link_ttl_s=files.link_ttl,
        orphan_age_s=files.orphan_age,
    )


def _make_tokens(config: Config) -> Tokens:
    auth = config.auth
    return Tokens(
        keys=signing_keys(config),
        audience=auth.audience,
        issuer=auth.issuer,
        leeway_s=auth.leeway,
        now=time.time,
    )


def _make_ice_servers(config: Config) -> IceServers:
    calls = config.calls
    return IceServers(
        stun_urls=calls.stun_urls,
        turn_urls=calls.turn_urls,
        turn_secret=calls.turn_secret,
        turn_ttl_s=calls.turn_ttl,
    )


def make_node(config: Config, reactor: Any, hub: Hub, store: Any) -> Node:
    """Return the node that the configuration describes.

    Raises:
        ConfigError: A key cannot be read.
    """
    services = Services(
        store=store,
        tokens=_make_tokens(config),
        limits=limits_of(config),
        node=secrets.token_hex(6),
        now_ms=now_ms,
        ice_servers=_make_ice_servers(config),
        files_prefix=config.files.prefix,
        files=make_files(config, reactor, store),
    )
    return Node(
        services=services,
        actions=ALL,
        hub=hub,
        clock=reactor,
        monotonic=time.monotonic,
        rate_limits=RateLimits(**asdict(config.rate)),
        keep_expired=config.auth.expiry == "keep",
        lease_s=config.nodes.lease if config.postgres else None,
    )
