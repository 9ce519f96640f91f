"""JWT -> identity: who the bearer of a token is and what it allows (protocol section 3).

Nothing else: no file, no reactor, no account. The algorithm of a token is that of the key it is
checked with, and a key has exactly one; the token's own `alg` can only fail to match.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import jwt
from attrs import Attribute, field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from assa.errors import Code, Refused

Material = bytes | RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey | Ed448PublicKey

HMAC_BYTES: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
"""The HMAC algorithms and the shortest secret of each in bytes (RFC 7518, 3.2)."""
ALGORITHMS: Final = (*HMAC_BYTES, "RS256", "ES256", "EdDSA")

_RSA_BITS: Final = 2_048
_TOKEN_CHARACTERS: Final = 8_192
_NICKNAME_CHARACTERS: Final = 100
_IMAGE_CHARACTERS: Final = 1_000
_USER_ID: Final = re.compile(r"[1-9][0-9]{0,15}")
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_LAST_USER_ID: Final = 2**53 - 1
_LAST_TIME_S: Final = 253_402_214_400
"""9999-12-31: what a date can still say, with the leeway added."""
_JWS: Final = jwt.PyJWS(algorithms=list(ALGORITHMS))


@frozen(kw_only=True)
class Identity:
    """Who connected, as the token says it.

    Args:
        user_id: 1 to 2**53 - 1.
        nickname: At most 100 characters; None: the token brings no usable one.
        profile_image: At most 1,000 characters; None likewise.
        scopes: The words of the `scope` claim.
        expires_at_ms: When it ceases to count here: its `exp` and the leeway, in ms since the epoch.
    """

    user_id: int
    nickname: str | None
    profile_image: str | None
    scopes: frozenset[str]
    expires_at_ms: int


@frozen(kw_only=True)
class Key:
    """What tokens of one algorithm are verified with.

    Args:
        algorithm: One of `ALGORITHMS`.
        material: The secret of an HMAC algorithm, else the public key.
        kid: How tokens may name it; one that names a `kid` is checked with that key only.

    Raises:
        ValueError: The material does not fit the algorithm, or is too weak for it.
    """

    algorithm: str
    material: Material = field(repr=False)
    kid: str | None = None

    @material.validator
    def _fits(self, _: Attribute[Material], material: Material) -> None:
        match self.algorithm, material:
            case (("HS256" | "HS384" | "HS512"), bytes()):
                _check_secret(self.algorithm, material)
            case "RS256", RSAPublicKey():
                if material.key_size < _RSA_BITS:
                    raise ValueError(f"expected an RSA key of at least {_RSA_BITS} bits")
            case "ES256", EllipticCurvePublicKey(curve=SECP256R1()):
                pass
            case "EdDSA", Ed25519PublicKey() | Ed448PublicKey():
                pass
            case _:
                raise ValueError(f"expected a key of {self.algorithm}, got another kind")

    @classmethod
    def load(cls, algorithm: str, data: bytes, kid: str | None = None) -> Key:
        """Make a key of what its file contains: the secret of an HMAC algorithm, else a public key as PEM.

        Raises:
            ValueError: The data is no key of that algorithm, or too weak a one.
        """
        if algorithm in HMAC_BYTES:
            return cls(algorithm=algorithm, material=data, kid=kid)
        try:
            public = load_pem_public_key(data)
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("expected a public key in PEM format (BEGIN PUBLIC KEY)") from None
        return cls(algorithm=algorithm, material=public, kid=kid)  # type: ignore[arg-type]  # the validator narrows it


def _check_secret(algorithm: str, secret: bytes) -> None:
    """Refuse a secret that could be guessed, or that is published: a public key (RFC 8725, 3.1)."""
    if len(secret) < HMAC_BYTES[algorithm]:
        raise ValueError(f"{algorithm} needs a secret of at least {HMAC_BYTES[algorithm]} bytes")
    try:
        _JWS.get_algorithm_by_name(algorithm).prepare_key(secret)
    except jwt.InvalidKeyError:
        published = True
    else:
        published = b"-----BEGIN" in secret
    if published:
        raise ValueError(f"{algorithm} needs a secret, got a key or certificate of another algorithm")


@frozen(kw_only=True)
class Tokens:
    """Turns tokens into identities.

    Args:
        keys: Tried in this order.
        audience: A token must be for one of these; empty: its `aud` does not matter.
        issuer: A token must be from it; empty: its `iss` does not matter.
        leeway_s: By how many seconds the clocks of issuer and server may differ.
        now: The time in seconds since the epoch.
    """

    keys: Sequence[Key]
    audience: Sequence[str] = ()
    issuer: str = ""
    leeway_s: float = 0
    now: Callable[[], float]

    def identify(self, token: str) -> Identity:
        """Verify a token.

        Args:
            token: `data.jwt_token` of CONNECT.

        Raises:
            Refused: AUTH_FAILED: there is nothing to verify. INVALID_TOKEN: it cannot be verified.
        """
        if not token:
            raise Refused(Code.AUTH_FAILED, "data.jwt_token: required, got an empty string")
        if len(token) > _TOKEN_CHARACTERS or not token.isascii():
            raise _invalid(f"expected at most {_TOKEN_CHARACTERS} ASCII characters")
        claims = self._verified(token)
        expires_at_s = self._check_times(claims)
        self._check_parties(claims)
        return Identity(
            user_id=_user_id(claims),
            nickname=_text(claims.get("nickname"))[:_NICKNAME_CHARACTERS] or None,
            profile_image=_image(claims.get("profile_image")),
            scopes=frozenset(_text(claims.get("scope")).split(" ")) - {""},
            expires_at_ms=int(expires_at_s * 1_000),
        )

    def _verified(self, token: str) -> dict[str, Any]:
        """Return the claims of a token with a good signature."""
        for key in self._keys_for(_header(token)):
            try:
                payload = _JWS.decode_complete(token, key.material, [key.algorithm])["payload"]
            except jwt.InvalidSignatureError:
                continue
            except jwt.PyJWTError:
                raise _invalid("malformed") from None
            return _json_object(payload, "its claims")
        raise _invalid("the signature is not that of a configured key")

    def _keys_for(self, header: dict[str, Any]) -> list[Key]:
        if "crit" in header:
            # RFC 7515, 4.1.11: what must be understood and is not, is refused.
            raise _invalid("its header has crit, which is not supported")
        any_key = "kid" not in header
        named = [key for key in self.keys if any_key or (key.kid and key.kid == header["kid"])]
        if not named:
            raise _invalid("its kid names no configured key")
        if keys := [key for key in named if key.algorithm == header.get("alg")]:
            return keys
        raise _invalid("its alg is not the algorithm of a configured key")

    def _check_times(self, claims: dict[str, Any]) -> float:
        """Check `exp`, `nbf` and `iat`; return when the token ceases to count."""
        now_s = self.now()
        for claim in ("nbf", "iat"):
            if claim in claims and _time(claims, claim) > now_s + self.leeway_s:
                raise _invalid(f"not valid yet ({claim})")
        expires_at_s = _time(claims, "exp") + self.leeway_s
        if expires_at_s <= now_s:
            raise _invalid("expired (exp)")
        return expires_at_s

    def _check_parties(self, claims: dict[str, Any]) -> None:
        """Check `aud` and `iss`, where they are configured."""
        if self.audience:
            named = claims.get("aud")
            audiences = named if isinstance(named, list) else [named]
            if not any(isinstance(one, str) and one in self.audience for one in audiences):
                raise _invalid("not for this audience (aud)")
        if self.issuer and claims.get("iss") != self.issuer:
            raise _invalid("not from this issuer (iss)")


def mint(
    key: Key,
    *,
    user_id: int,
    nickname: str | None = None,
    scopes: Iterable[str] = (),
    audience: Sequence[str] = (),
    issuer: str = "",
    lifetime_s: float,
    now: float,
) -> str:
    """Make a token for development and tests.

    Args:
        key: One with a secret.
        user_id: Whose token it is.
        nickname: Left out when it is empty, as are the next three.
        scopes: Words without spaces.
        audience: The `aud` claim.
        issuer: The `iss` claim.
        lifetime_s: Seconds until it expires.
        now: Seconds since the epoch.

    Raises:
        ValueError: The key is public; only its owner can sign.
    """
    if not isinstance(key.material, bytes):
        raise ValueError(f"a key of {key.algorithm} is public and cannot sign")  # noqa: TRY004 - the wrong key
    claims: dict[str, Any] = {"iat": int(now), "exp": int(now + lifetime_s), "user_id": user_id}
    claims |= {"nickname": nickname, "scope": " ".join(scopes), "aud": list(audience), "iss": issuer}
    present = {claim: value for claim, value in claims.items() if value}
    headers = None if key.kid is None else {"kid": key.kid}
    return jwt.encode(present, key.material, key.algorithm, headers)


def _invalid(rule: str) -> Refused:
    return Refused(Code.INVALID_TOKEN, f"data.jwt_token: {rule}")


def _header(token: str) -> dict[str, Any]:
    """Read the header alone: PyJWT would decode the whole token for it, and then once more."""
    try:
        text = base64.urlsafe_b64decode(token.partition(".")[0] + "==")
    except ValueError:
        raise _invalid("its header is not base64url") from None
    return _json_object(text, "its header")


def _json_object(text: bytes, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    raise _invalid(f"{what}: expected a JSON object")


def _time(claims: dict[str, Any], claim: str) -> float:
    """Return a claim in seconds since the epoch; NaN is in no range either."""
    value = claims.get(claim)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LAST_TIME_S:
        raise _invalid(f"its {claim}: expected a number of seconds since the epoch")
    return float(value)


def _user_id(claims: dict[str, Any]) -> int:
    """Return `user_id`, else `sub`; a wrong `user_id` never falls back on `sub`."""
    value = claims.get("user_id")
    if "user_id" not in claims:
        subject = claims.get("sub")
        # No leading zeros: "7" and "007" would be two names of one account.
        value = int(subject) if isinstance(subject, str) and _USER_ID.fullmatch(subject) else None
    if type(value) is not int or not 1 <= value <= _LAST_USER_ID:
        raise _invalid("expected user_id as an integer, or sub as a decimal string, below 2^53")
    return value


def _text(value: object) -> str:
    """Return a string that can be stored; a wrong claim is left out and locks nobody out."""
    return value.strip() if isinstance(value, str) and not _UNSTORABLE.search(value) else ""


def _image(value: object) -> str | None:
    """Return the address of a picture; half an address would lead elsewhere, so none is cut."""
    text = _text(value)
    return text if 0 < len(text) <= _IMAGE_CHARACTERS else None
