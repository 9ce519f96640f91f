"""Every setting as attrs classes, with the rule that it obeys; etc/assa.toml explains each of them.

An unknown key, a wrong type and a value out of range are errors that name the key and the rule.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_origin

import attrs
import cattrs
from attrs import field, frozen
from cattrs.gen import make_dict_structure_fn

from assa.auth import ALGORITHMS


class ConfigError(Exception):
    """A setting is wrong; the text is one line that names it and the rule, and never shows a secret."""

    def __init__(self, problem: str) -> None:
        shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in problem)
        super().__init__("".join(shown))


@frozen
class _Rule:
    """What a setting accepts, in words and as a test; a hidden value is never shown."""

    words: str
    accepts: Callable[[Any], object]
    hidden: bool = False


def _text(words: str, pattern: str, *, hidden: bool = False) -> _Rule:
    whole = re.compile(rf"(?s)(?!.*[\0\ud800-\udfff])(?:{pattern})")
    return _Rule(words, lambda value: isinstance(value, str) and whole.fullmatch(value), hidden)


def _number(words: str, types: tuple[type, ...], test: Callable[[float], bool]) -> _Rule:
    return _Rule(words, lambda value: type(value) in types and test(value))


POSTGRES: Final = ("postgresql://", "postgres://")
ESCAPED: Final = "with / ? # @ [ ] in the user or the password as %2F %3F %23 %40 %5B %5D"
_HOST: Final = r"(?:[\w.%-]*|\[[\w.:%]+\])(?::\d+)?"
POSTGRES_URL: Final = re.compile(
    r"postgres(?:ql)?://(?:[\w.~!$&'()*+,;=%-]*(?::[\w.~!$&'()*+,;=:%-]*)?@)?"
    rf"(?P<where>{_HOST}(?:,{_HOST})*(?:/[\w.%~+-]*)?)(?:\?[^#@]*)?"
)
"""One that all programs read alike: nothing of a password can be taken for a host, a port or a database."""
_HOUR_S: Final = 3_600
_TEN_YEARS_S: Final = 10 * 365 * 86_400
_NUMBER: Final = (int, float)
Flag = Annotated[bool, _Rule("true or false", lambda value: isinstance(value, bool))]
Text = Annotated[str, _text("a string", ".*")]
Name = Annotated[str, _text("a string that is not empty", ".+")]
Hidden = Annotated[str, _text("a string", ".*", hidden=True)]
Algorithm = Annotated[str, _text(f"one of {', '.join(ALGORITHMS)}", "|".join(ALGORITHMS))]
Expiry = Annotated[Literal["close", "keep"], _text("close or keep", "close|keep")]
Stun = Annotated[str, _text("a URL that begins with stun: or stuns:", "stuns?:.+")]
Turn = Annotated[str, _text("a URL that begins with turn: or turns:", "turns?:.+")]
Prefix = Annotated[str, _text("a path like /storage/, without . and ..", r"/((?!\.\.?/)[^/\\]+/)*")]
Count = Annotated[int, _number("a positive integer", (int,), lambda value: 0 < value < 2**53)]
Rate = Annotated[float, _number("a number per second, or 0", _NUMBER, lambda value: 0 <= value < 2**53)]
Seconds = Annotated[
    float, _number("a positive number of seconds", _NUMBER, lambda value: 0 < value <= _TEN_YEARS_S)
]
Leeway = Annotated[float, _number("0 to 3600 seconds", _NUMBER, lambda value: 0 <= value <= _HOUR_S)]


@frozen(kw_only=True)
class ServerSection:
    """Where the server listens and keeps its files."""

    listen: tuple[Name, ...] = ("tcp:12345",)
    reuse_port: Flag = False
    state_dir: Text = ""


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
    """Where the files of messages are."""

    prefix: Prefix = "/storage/"


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

    @property
    def development(self) -> bool:
        """Whether no key is configured, so that the server makes its own secret."""
        return not (self.auth.secret or self.auth.secret_file or self.auth.keys)

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
    def sqlite_path(self) -> str:
        """The database's file."""
        return self.storage.url.removeprefix("sqlite:") or str(Path(self.server.state_dir, "assa.sqlite3"))


def structure(tree: dict[str, Any]) -> Config:
    """Turn a tree of tables into settings.

    Raises:
        ConfigError: A key is unknown, or a value breaks its rule.
    """
    try:
        return _converter.structure(tree, Config)
    except cattrs.BaseValidationError as error:
        raise ConfigError(_problem(error)) from None


def _problem(error: Exception, path: str = "") -> str:
    """Say what the first error is, and where."""
    for note in getattr(error, "__notes__", ()):
        if isinstance(note, cattrs.AttributeValidationNote):
            path = f"{path}.{note.name}".lstrip(".")
        elif isinstance(note, cattrs.IterableValidationNote):
            path = f"{path}[{note.index}]"
    match error:
        case cattrs.BaseValidationError():
            return _problem(error.exceptions[0], path)
        case cattrs.ForbiddenExtraKeysError():
            key = min(error.extra_fields)
            near = get_close_matches(key, attrs.fields_dict(error.cl), n=1, cutoff=0.4)
            hint = "".join(f"; did you mean {name}?" for name in near)
            return f"{path}.{key}: unknown key{hint}".lstrip(".")
        case KeyError():
            return f"{path}: required"
    return f"{path}: {error}"


_converter: Final = cattrs.Converter(forbid_extra_keys=True)


@_converter.register_structure_hook_factory(attrs.has)
def _table_hook(cls: type) -> Callable[[object, type], object]:
    fill: Callable[[Any, Any], object] = make_dict_structure_fn(
        cls, _converter, _cattrs_forbid_extra_keys=True
    )

    def structure(value: object, _: type) -> object:
        if isinstance(value, dict):
            return fill(value, cls)
        raise ValueError("expected a table")

    return structure


def _structure_list(value: object, type_: Any) -> object:
    if isinstance(value, list):
        return tuple(_converter.structure(value, list[type_.__args__[0]]))
    raise ValueError("expected a list, in brackets")


def _structure_ruled(value: object, type_: Any) -> object:
    rule = type_.__metadata__[0]
    if rule.accepts(value):
        return value
    got = "" if rule.hidden else f", got {json.dumps(value, default=str, ensure_ascii=False)[:60]}"
    raise ValueError(f"expected {rule.words}{got}")


def _is(origin: object) -> Callable[[Any], bool]:
    return lambda type_: get_origin(type_) is origin


_converter.register_structure_hook_func(_is(tuple), _structure_list)
_converter.register_structure_hook_func(_is(Annotated), _structure_ruled)
