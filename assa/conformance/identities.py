"""Who takes part: users with tokens, made from a secret or given in a file."""

from __future__ import annotations

import base64
import json
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, Final, Protocol

import jwt
from attrs import frozen
from jwt.warnings import InsecureKeyLengthWarning

from assa.conformance.messages import NotTried

HMAC_ALGORITHMS: Final = ("HS256", "HS384", "HS512")
LEAST_TOKENS: Final = 3
_LIFETIME_S: Final = 3_600
_FIRST_USERS: Final = (1_000_000_000, 2_000_000_000)


@frozen(kw_only=True)
class Identity:
    """A user who can connect.

    Attributes:
        user_id: His id.
        token: What he connects with.
        nickname: What the token calls him, if it does.
    """

    user_id: int
    token: str
    nickname: str | None = None


class Identities(Protocol):
    """Where users come from; what cannot be had raises NotTried."""

    parallel: bool
    """Whether rules may run at the same time, each with users of its own."""

    def cast(self) -> Iterator[Identity]:
        """Return the users of one rule."""

    def token(self, user_id: int, /, **claims: Any) -> str:
        """Return a token with other claims; None leaves one out.

        Raises:
            NotTried: Tokens cannot be made.
        """

    def stranger_id(self) -> int:
        """Return the id of a user who has never connected."""


class Minted:
    """Users of their own for every rule, with tokens signed here.

    Args:
        secret: What the server verifies with.
        algorithm: HS256, HS384 or HS512.
        now: The time, seconds since the epoch.
        claims: Further claims of every token, such as `aud`.
        first_user: The lowest id; None: a random one, as the server may know others.
    """

    parallel = True

    def __init__(
        self,
        secret: str,
        *,
        algorithm: str,
        now: Callable[[], float],
        claims: dict[str, Any],
        first_user: int | None = None,
    ) -> None:
        self._secret = secret
        self._algorithm = algorithm
        self._now = now
        self._claims = claims
        # Below 2^31, as a server may keep ids in 32 bits.
        self._ids = count(random.randint(*_FIRST_USERS) if first_user is None else first_user)  # noqa: S311

    def cast(self) -> Iterator[Identity]:
        """Return users whom nobody else has."""
        for user_id in self._ids:
            nickname = f"사람{user_id}"
            yield Identity(user_id=user_id, token=self.token(user_id, nickname=nickname), nickname=nickname)

    def token(self, user_id: int, /, **claims: Any) -> str:
        """Sign a token; it names the user both ways, as servers differ in what they look at."""
        now = int(self._now())
        usual: dict[str, Any] = {
            "user_id": user_id,
            "sub": str(user_id),
            "iat": now,
            "exp": now + _LIFETIME_S,
        }
        merged = usual | self._claims | claims
        present = {claim: value for claim, value in merged.items() if value is not None}
        with warnings.catch_warnings():  # a short secret is the server's to refuse
            warnings.simplefilter("ignore", InsecureKeyLengthWarning)
            return jwt.encode(present, self._secret, self._algorithm)

    def stranger_id(self) -> int:
        """Return an id that has not been used."""
        return next(self._ids)


class Listed:
    """The users of the tokens in a file, the same for every rule.

    Args:
        tokens: One for each user, at least three.

    Raises:
        ValueError: There are fewer, or what is no token.
    """

    parallel = False

    def __init__(self, tokens: Sequence[str]) -> None:
        users = {one.user_id: one for one in map(_read, tokens)}
        if len(users) < LEAST_TOKENS:
            raise ValueError(f"expected tokens of at least {LEAST_TOKENS} users, got {len(users)}")
        self._users = tuple(users.values())

    def cast(self) -> Iterator[Identity]:
        """Return all users, always in the same order."""
        yield from self._users
        raise NotTried(f"needs more than {len(self._users)} users, or a secret")

    def token(self, user_id: int, /, **claims: Any) -> str:
        """Have none."""
        raise NotTried("needs a secret, to make other tokens")

    def stranger_id(self) -> int:
        """Return an id that is none of theirs."""
        return random.randint(*_FIRST_USERS)  # noqa: S311


def _read(token: str) -> Identity:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
        return Identity(
            user_id=int(claims.get("user_id") or claims.get("sub") or ""),
            token=token,
            nickname=claims.get("nickname"),
        )
    except (jwt.InvalidTokenError, ValueError, TypeError):
        raise ValueError("expected one JWT with a user_id or sub on each line") from None


def forged(token: str) -> str:
    """Return a token whose signature does not fit."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'B' if signature.startswith('A') else 'A'}{signature[1:]}"


def unsigned(token: str) -> str:
    """Return a token that says it needs no signature, with the same claims."""
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{head}.{token.split('.')[1]}."
