"""Settings out of a TOML file and the environment, and the keys that they name."""

from __future__ import annotations

import os
import re
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import attrs
from attrs import evolve

from assa.auth import HMAC_BYTES, Key
from assa.limits import Limits
from assa.rules import ESCAPED, POSTGRES, POSTGRES_URL, ConfigError, structure
from assa.settings import AuthSection, Config, KeySection

__all__ = [
    "Config",
    "ConfigError",
    "create_state_dir",
    "database_password",
    "limits_of",
    "load",
    "signing_keys",
]

_DEFAULTS: Final = Config()
_CLIENT_PATIENCE_S: Final = 10


def load(path: str | None, environ: Mapping[str, str]) -> Config:
    """Read the settings; the environment wins over the file.

    Args:
        path: A TOML file; None: there is none.
        environ: `ASSA_SECTION__KEY` is a setting; the state directory's default comes from it too.

    Raises:
        ConfigError: The file cannot be read, or a setting is wrong.
    """
    try:
        _check_names(environ)
        config = structure(_merged({} if path is None else _file(path), _variables(environ)), Config)
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


def database_password(config: Config) -> str:
    """Return the password of `storage.password_file`, or an empty one without it.

    Raises:
        ConfigError: It cannot be read.
    """
    path = config.storage.password_file
    return _read("storage.password_file", path).decode(errors="replace").strip() if path else ""


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
    yield from _storage_contradictions(config)
    if not limits.early_line_bytes <= limits.line_bytes <= limits.discarded_line_bytes:
        yield "limits.line_bytes: expected limits.early_line_bytes to limits.discarded_line_bytes"
    if limits.answer_timeout >= _CLIENT_PATIENCE_S:
        yield f"limits.answer_timeout: expected less than {_CLIENT_PATIENCE_S}, as clients give up then"
    if calls.turn_urls and not calls.turn_secret:
        yield "calls.turn_secret: required, as calls.turn_urls is set"
    if auth.secret and auth.secret_file:
        yield "auth.secret_file: expected it or auth.secret, not both"
    needs_hmac = auth.secret or auth.secret_file or not auth.keys
    if needs_hmac and not HMAC_BYTES.keys() & set(auth.algorithms):
        yield f"auth.algorithms: expected one of {', '.join(HMAC_BYTES)}, as the key is a secret"


def _storage_contradictions(config: Config) -> Iterator[str]:
    if not config.postgres and not re.match(r"sqlite:.|\Z", config.storage.url):
        yield "storage.url: expected sqlite:PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    if config.storage.listen_url and not config.storage.listen_url.startswith(POSTGRES):
        yield "storage.listen_url: expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
    for name, url in (("url", config.storage.url), ("listen_url", config.storage.listen_url)):
        if url.startswith(POSTGRES) and not POSTGRES_URL.fullmatch(url):
            yield f"storage.{name}: expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, {ESCAPED}"


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


def _check_names(environ: Mapping[str, str]) -> None:
    """Refuse a setting whose section and key have one underscore between them: it would be passed over."""
    for name in environ:
        section, _, key = name.removeprefix("ASSA_").partition("_")
        fields = getattr(_DEFAULTS, section.lower(), None)
        if name.startswith("ASSA_") and attrs.has(type(fields)) and hasattr(fields, key.lower()):
            raise ConfigError(f"{name}: unknown; did you mean ASSA_{section}__{key}?")


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


def _origin(problem: str, environ: Mapping[str, str]) -> str:
    """Name the variable that a wrong setting comes from, if it comes from one."""
    section, _, key = re.split(r"[\[:]", problem)[0].partition(".")
    wanted = f"ASSA_{section}__{key.partition('.')[0]}".upper()
    names = (name for name in environ if name == wanted or (not key and name.startswith(wanted)))
    return "".join(f" (from {name})" for name in list(names)[:1])
