"""Tokens out of the server's own configuration, for development and for operators."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from typing import Final

from assa.auth import mint
from assa.cli.options import LAST_USER_ID, CommandError, config_of
from assa.config import signing_keys
from assa.settings import Config

OPERATOR_USER_ID: Final = LAST_USER_ID
"""Who speaks when an operator does."""
_SHORT_S: Final = 3_600


def mint_token(
    config: Config,
    user_id: int,
    *,
    nickname: str | None = None,
    scopes: Iterable[str] = (),
    lifetime_s: float = _SHORT_S,
) -> str:
    """Make a token that the server with this configuration accepts.

    Raises:
        CommandError: There is no secret to sign it with.
        ConfigError: A key cannot be read.
    """
    key = next((key for key in signing_keys(config) if isinstance(key.material, bytes)), None)
    if key is None:
        raise CommandError(
            "the configuration has public keys only: tokens come from whoever has the private one"
        )
    return mint(
        key,
        user_id=user_id,
        nickname=nickname,
        scopes=scopes,
        audience=config.auth.audience[:1],
        issuer=config.auth.issuer,
        lifetime_s=lifetime_s,
        now=time.time(),
    )


def token_of(
    arguments: argparse.Namespace, user_id: int, *, nickname: str | None = None, scopes: Iterable[str] = ()
) -> str | Callable[[], str]:
    """Return the token that was given, else what mints one whenever it is needed.

    Raises:
        CommandError: There is no secret to sign it with.
        ConfigError: The configuration is wrong.
    """
    if arguments.token:
        given: str = arguments.token
        return given
    config, words = config_of(arguments), tuple(scopes)

    def fresh() -> str:
        return mint_token(config, user_id, nickname=nickname, scopes=words)

    fresh()  # so that a mistake shows before there is a connection
    return fresh
