"""Every setting as attrs classes, with the rule that it obeys; etc/assa.toml explains each of them.

An unknown key, a wrong type and a value out of range are errors that name the key and the rule.
"""

from __future__ import annotations

from pathlib import Path

from attrs import field, frozen

from assa.rules import (
    POSTGRES,
    POSTGRES_URL,
    Algorithm,
    Count,
    Expiry,
    Flag,
    Hidden,
    Leeway,
    LogFormat,
    Name,
    Network,
    Origin,
    Prefix,
    Rate,
    Seconds,
    Site,
    Stun,
    Text,
    Turn,
)


@frozen(kw_only=True)
class ServerSection:
    """Where the server listens and keeps its files."""

    listen: tuple[Name, ...] = ("tcp:12345",)
    reuse_port: Flag = False
    state_dir: Text = ""


@frozen(kw_only=True)
class HttpSection:
    """Where browsers and operators connect, and what they find there."""

    listen: tuple[Name, ...] = ("tcp:8080",)
    admin_listen: tuple[Name, ...] = ()
    public_url: Site = ""
    origins: tuple[Origin, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    web_client: Flag = True
    compression: Flag = False


@frozen(kw_only=True)
class StorageSection:
    """Where the data are, and how long events are kept."""

    url: Hidden = field(default="", repr=False)
    password_file: Text = ""
    listen_url: Hidden = field(default="", repr=False)
    connections: Count = 3
    event_retention: Seconds = 7 * 86_400


@frozen(kw_only=True)
class NodesSection:
    """How several servers on one PostgreSQL database work together."""

    lease: Seconds = 10
    poll: Seconds = 1


@frozen(kw_only=True)
class KeySection:
    """One key of `auth.keys`: in a file or as a text."""

    algorithm: Algorithm
    kid: Text = ""
    file: Text = ""
    secret: Hidden = field(default="", repr=False)


@frozen(kw_only=True)
class AuthSection:
    """Whose tokens are accepted."""

    secret: Hidden = field(default="", repr=False)
    secret_file: Text = ""
    algorithms: tuple[Algorithm, ...] = ("HS256",)
    keys: tuple[KeySection, ...] = ()
    audience: tuple[Name, ...] = ()
    issuer: Text = ""
    leeway: Leeway = 0
    expiry: Expiry = "close"


@frozen(kw_only=True)
class LimitsSection:
    """The fields of `Limits`; times, in seconds, are named without their unit."""

    text_characters: Count = 5_000
    line_bytes: Count = 1_048_576
    early_line_bytes: Count = 16_384
    discarded_line_bytes: Count = 4_194_304
    file_bytes: Count = 10_485_760
    sdp_bytes: Count = 131_072
    candidate_bytes: Count = 4_096
    connections: Count = 1_000
    unauthenticated_connections: Count = 1_000
    connections_per_user: Count = 10
    failed_connects: Count = 3
    connect_timeout: Seconds = 30
    ping_interval: Seconds = 30
    pong_timeout: Seconds = 60
    answer_timeout: Seconds = 9
    session_retention: Seconds = 60
    empty_video_room: Seconds = 300
    token_warning: Seconds = 60
    token_grace: Seconds = 25
    outgoing_bytes: Count = 1_048_576
    window_requests: Count = 16
    replay_events: Count = 1_000
    replay_bytes: Count = 8_388_608
    shutdown: Seconds = 10


@frozen(kw_only=True)
class RateSection:
    """Token buckets: how many per second, and how many at once."""

    messages: Rate = 20
    messages_burst: Count = 100
    relays: Rate = 100
    relays_burst: Count = 400
    others: Rate = 20
    others_burst: Count = 100
    failed_connects: Rate = 1
    failed_connects_burst: Count = 20


@frozen(kw_only=True)
class CallsSection:
    """The STUN and TURN servers of video calls."""

    stun_urls: tuple[Stun, ...] = ()
    turn_urls: tuple[Turn, ...] = ()
    turn_secret: Hidden = field(default="", repr=False)
    turn_ttl: Seconds = 3_600


@frozen(kw_only=True)
class FilesSection:
    """Where the files of messages are, and the service that takes them."""

    prefix: Prefix = "/storage/"
    uploads: Flag = True
    foreign: Flag = True
    directory: Text = ""
    user_quota: Count = 1_073_741_824
    upload_ttl: Seconds = 300
    link_ttl: Seconds = 3_600
    orphan_age: Seconds = 86_400


@frozen(kw_only=True)
class LogSection:
    """How the log is written."""

    format: LogFormat = "text"


@frozen(kw_only=True)
class Config:
    """All settings; `load` makes one, and only then `server.state_dir` is never empty."""

    server: ServerSection = ServerSection()
    storage: StorageSection = StorageSection()
    nodes: NodesSection = NodesSection()
    auth: AuthSection = AuthSection()
    limits: LimitsSection = LimitsSection()
    rate: RateSection = RateSection()
    calls: CallsSection = CallsSection()
    files: FilesSection = FilesSection()
    http: HttpSection = HttpSection()
    log: LogSection = LogSection()

    @property
    def development(self) -> bool:
        """Whether no key is configured, so that the server makes its own secret."""
        return not (self.auth.secret or self.auth.secret_file or self.auth.keys)

    @property
    def endpoints(self) -> list[tuple[str, str]]:
        """Every endpoint, after the setting that it comes from."""
        http = self.http
        listed = (
            ("server.listen", self.server.listen),
            ("http.listen", http.listen),
            ("http.admin_listen", http.admin_listen),
        )
        return [(name, text) for name, texts in listed for text in texts]

    @property
    def postgres(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self.storage.url.startswith(POSTGRES)

    @property
    def database(self) -> str:
        """The database in words, without a password."""
        if not self.postgres:
            return self.sqlite_path
        parts = POSTGRES_URL.fullmatch(self.storage.url)
        return f"postgresql://{parts['where']}" if parts else "PostgreSQL"

    @property
    def files_directory(self) -> str:
        """Where uploaded files are kept."""
        return self.files.directory or str(Path(self.server.state_dir, "files"))

    @property
    def sqlite_path(self) -> str:
        """The database's file."""
        return self.storage.url.removeprefix("sqlite:") or str(Path(self.server.state_dir, "assa.sqlite3"))
