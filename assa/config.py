"""Settings: attrs classes <- TOML and environment, strictly; etc/assa.toml explains each of them.

An unknown key, a wrong type and a value out of range are errors that name the key and the rule.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_origin

import attrs
import cattrs
from attrs import evolve, field, frozen
from cattrs.gen import make_dict_structure_fn

from assa.auth import ALGORITHMS, HMAC_BYTES, Key
from assa.limits import Limits


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


_HOUR_S: Final = 3_600
_TEN_YEARS_S: Final = 10 * 365 * 86_400
_NUMBER: Final = (int, float)
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
    state_dir: Text = ""


@frozen(kw_only=True)
class StorageSection:
    """Where the data are, and how long events are kept."""

    url: Hidden = field(default="", repr=False)
    event_retention: Seconds = 7 * 86_400


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
    def sqlite_path(self) -> str:
        """The database's file."""
        return self.storage.url.removeprefix("sqlite:") or str(Path(self.server.state_dir, "assa.sqlite3"))


def load(path: str | None, environ: Mapping[str, str]) -> Config:
    """Read the settings; the environment wins over the file.

    Args:
        path: A TOML file; None: there is none.
        environ: `ASSA_SECTION__KEY` is a setting; the state directory's default comes from it too.

    Raises:
        ConfigError: The file cannot be read, or a setting is wrong.
    """
    try:
        config = _structure(_merged({} if path is None else _file(path), _variables(environ)))
        _check(config)
    except ConfigError as error:
        raise ConfigError(f"{error}{_origin(str(error), environ)}") from None
    state_dir = config.server.state_dir or _state_dir(environ)
    return evolve(config, server=evolve(config.server, state_dir=state_dir))


def limits_of(config: Config) -> Limits:
    """Return the limits that the settings give."""
    known = attrs.fields_dict(Limits)
    given = {
        name if name in known else f"{name}_s": value for name, value in attrs.asdict(config.limits).items()
    }
    return Limits(event_retention_s=config.storage.event_retention, **given)


def create_state_dir(config: Config) -> Path:
    """Return the state directory; it is made for its owner alone, unless it exists.

    Raises:
        ConfigError: It cannot be made.
    """
    path = Path(config.server.state_dir)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"server.state_dir: {path}: {error.strerror}") from None
    return path


def signing_keys(config: Config) -> list[Key]:
    """Return the keys that tokens are verified with; in development mode, of a secret made once.

    Raises:
        ConfigError: A key cannot be read, or does not fit its algorithm.
    """
    auth = config.auth
    if config.development:
        auth = evolve(auth, secret=_development_secret(create_state_dir(config) / "secret"))
    return [_key(where, section) for where, section in _key_sections(auth)]


def _development_secret(path: Path) -> str:
    """Read the secret that an earlier start made, else make it."""
    try:
        # "x" is O_EXCL: a file that somebody else put there is read, and judged, but not written.
        with suppress(FileExistsError), open(path, "x", opener=_open_private) as file:
            file.write(secrets.token_urlsafe(48))
        mode = path.stat().st_mode
    except OSError as error:
        raise ConfigError(f"auth.secret: {path}: {error.strerror}") from None
    if mode & 0o077:
        raise ConfigError(f"auth.secret: {path}: others can read it; chmod 600 it, or delete it")
    secret = _read("auth.secret", str(path)).decode(errors="replace").strip()
    if not secret:
        raise ConfigError(f"auth.secret: {path}: it is empty; delete it")
    return secret


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _key_sections(auth: AuthSection) -> Iterator[tuple[str, KeySection]]:
    """Yield each key, after the setting that it comes from."""
    if auth.secret or auth.secret_file:
        where = "auth.secret" if auth.secret else "auth.secret_file"
        for algorithm in auth.algorithms:
            if algorithm in HMAC_BYTES:
                yield where, KeySection(algorithm=algorithm, secret=auth.secret, file=auth.secret_file)
    for index, key in enumerate(auth.keys):
        yield f"auth.keys[{index}].{'secret' if key.secret else 'file'}", key


def _key(where: str, section: KeySection) -> Key:
    data = section.secret.encode() or _read(where, section.file)
    if section.file:
        # A text ends in a line break that is not part of it; in a random secret, any byte is.
        with suppress(UnicodeDecodeError):
            data = data.decode().strip().encode()
    try:
        return Key.load(section.algorithm, data, section.kid or None)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


def _read(where: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"{where}: {path}: {error.strerror}") from None


def _check(config: Config) -> None:
    for problem in (*_contradictions(config), *_key_contradictions(config.auth)):
        raise ConfigError(problem)
    for where, section in _key_sections(config.auth):
        # Only the service needs the files, and a command may run as somebody who cannot read them.
        if section.secret:
            _key(where, section)


def _contradictions(config: Config) -> Iterator[str]:
    """Find settings that are right one by one and wrong together."""
    auth, calls, limits = config.auth, config.calls, config.limits
    if not config.server.listen:
        yield "server.listen: expected at least one endpoint"
    if not re.match(r"sqlite:.|\Z", config.storage.url):
        yield "storage.url: expected sqlite:PATH; this release supports sqlite only"
    if not limits.early_line_bytes <= limits.line_bytes <= limits.discarded_line_bytes:
        yield "limits.line_bytes: expected limits.early_line_bytes to limits.discarded_line_bytes"
    if calls.turn_urls and not calls.turn_secret:
        yield "calls.turn_secret: required, as calls.turn_urls is set"
    if auth.secret and auth.secret_file:
        yield "auth.secret_file: expected it or auth.secret, not both"
    needs_hmac = auth.secret or auth.secret_file or not auth.keys
    if needs_hmac and not HMAC_BYTES.keys() & set(auth.algorithms):
        yield f"auth.algorithms: expected one of {', '.join(HMAC_BYTES)}, as the key is a secret"


def _key_contradictions(auth: AuthSection) -> Iterator[str]:
    for index, key in enumerate(auth.keys):
        if bool(key.file) == bool(key.secret):
            yield f"auth.keys[{index}]: expected either file or secret"
        if key.algorithm not in auth.algorithms:
            yield f"auth.keys[{index}].algorithm: expected one of auth.algorithms, got {key.algorithm}"
        if key.kid and any(key.kid == other.kid for other in auth.keys[:index]):
            yield f"auth.keys[{index}].kid: another key has it"


# --- Reading: the file and the environment -> a tree -> the classes above --------------------


def _state_dir(environ: Mapping[str, str]) -> str:
    """Return systemd's state directory, else the user's own (XDG base directory specification)."""
    if given := environ.get("STATE_DIRECTORY", "").partition(":")[0]:
        return given
    base = Path(environ.get("XDG_STATE_HOME", ""))
    if not base.is_absolute():
        base = Path(environ.get("HOME") or Path.home(), ".local", "state")
    return str(base / "assa")


def _file(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(_read("--config", path).decode())
    except ValueError as error:
        raise ConfigError(f"{path}: {error}") from None


def _variables(environ: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the settings of the environment by section and key."""
    given: dict[str, dict[str, Any]] = {}
    for name, raw in environ.items():
        section, separator, key = name.removeprefix("ASSA_").lower().partition("__")
        if name.startswith("ASSA_") and separator:
            default = getattr(getattr(_DEFAULTS, section, None), key, None)
            given.setdefault(section, {})[key] = _variable(raw, default)
    return given


def _variable(raw: str, default: object) -> object:
    """Read one variable as TOML, or as the text that it is: `ASSA_AUTH__ISSUER=2024` is a text."""
    try:
        document = tomllib.loads(f"value = {raw}")
    except tomllib.TOMLDecodeError:
        document = {"value": raw}
    value = document["value"] if len(document) == 1 else raw
    text = value if isinstance(value, str) else raw
    if isinstance(default, tuple) and not isinstance(value, list):
        return [value if isinstance(value, dict) else text] if raw else []
    return text if isinstance(default, str) else value


def _merged(tree: dict[str, Any], given: dict[str, dict[str, Any]]) -> dict[str, Any]:
    for section, values in given.items():
        table = tree.setdefault(section, {})
        if isinstance(table, dict):
            table.update(values)
    return tree


def _structure(tree: dict[str, Any]) -> Config:
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


def _origin(problem: str, environ: Mapping[str, str]) -> str:
    """Name the variable that a wrong setting comes from, if it comes from one."""
    section, _, key = re.split(r"[\[:]", problem)[0].partition(".")
    wanted = f"ASSA_{section}__{key.partition('.')[0]}".upper()
    names = (name for name in environ if name == wanted or (not key and name.startswith(wanted)))
    return "".join(f" (from {name})" for name in list(names)[:1])


_DEFAULTS: Final = Config()
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
    raise ValueError("expected a list")


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
