"""Protocol section 3, token rules: who a token says its bearer is, and which tokens say nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assa.auth import Identity, Key, Tokens, mint
from assa.errors import Code, Refused

NOW = 1_700_000_000
SECRET = b"a secret of the tests, of 32 bytes and more, so that all HMAC algorithms take it"
HS256 = Key.load("HS256", SECRET)
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


def pem(private) -> bytes:
    """Return the public key of a pair, as the file that an operator configures."""
    return private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(private) -> bytes:
    """Return the private key of a pair, which nobody should configure."""
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def claims(**more) -> dict[str, object]:
    """Return claims that are good, but for those given."""
    return {"user_id": 7, "exp": NOW + 60} | more


def signed(payload: dict[str, object] | bytes, key=SECRET, algorithm="HS256", **header) -> str:
    """Return a token as an issuer makes it."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return jwt.PyJWS().encode(data, key, algorithm, headers=header)


def part(value: object) -> bytes:
    """Return one part of a token."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def forged(header: object, payload: object, secret: bytes = SECRET) -> str:
    """Return a token that no library would make: any header, signed with HMAC all the same."""
    signing_input = part(header) + b"." + part(payload)
    return (signing_input + b"." + part(hmac.digest(secret, signing_input, hashlib.sha256))).decode()


def tokens(*keys: Key, at: float = NOW, **settings) -> Tokens:
    """Return what verifies tokens, by default with the one secret of these tests."""
    return Tokens(keys=keys or (HS256,), now=lambda: at, **settings)


class TokenTestCase(SynchronousTestCase):
    def identify(self, payload: dict[str, object] | bytes, **settings) -> Identity:
        """Return whom a good token with these claims identifies."""
        return tokens(**settings).identify(signed(payload))

    def assertInvalid(self, token: str, rule: str, by: Tokens | None = None) -> None:  # noqa: N802 - as unittest names them
        """Check that a token is refused for this reason, in words that do not repeat it."""
        refused = self.assertRaises(Refused, (by or tokens()).identify, token)
        self.assertEqual(refused.code, Code.INVALID_TOKEN)
        self.assertIn(rule, refused.details)
        self.assertTrue(refused.details.startswith("data.jwt_token: "), refused.details)
        if len(token) > len("data.jwt_token: "):
            self.assertNotIn(token, refused.details)

    def assertInvalidClaims(self, rule: str, payload: dict[str, object] | bytes, **settings) -> None:  # noqa: N802
        """Check that a token that is good but for these claims is refused for this reason."""
        self.assertInvalid(signed(payload), rule, tokens(**settings))


class IdentityTests(TokenTestCase):
    def test_all_claims(self):
        """A token names its user, the scopes and the moment when it ceases to count."""
        identity = self.identify(
            claims(nickname="미나", profile_image="https://x/y.png", scope="admin chat", exp=NOW + 60)
        )
        self.assertEqual(
            identity,
            Identity(
                user_id=7,
                nickname="미나",
                profile_image="https://x/y.png",
                scopes=frozenset({"admin", "chat"}),
                expires_at_ms=(NOW + 60) * 1000,
            ),
        )

    def test_user_id_alone(self):
        """Optional claims may be absent: no nickname, no picture, no scope."""
        identity = self.identify(claims())
        self.assertEqual((identity.nickname, identity.profile_image), (None, None))
        self.assertEqual(identity.scopes, frozenset())

    def test_sub(self):
        """Without `user_id`, `sub` names the user as a decimal string."""
        self.assertEqual(self.identify({"sub": "42", "exp": NOW + 60}).user_id, 42)
        self.assertEqual(self.identify({"sub": str(2**53 - 1), "exp": NOW + 60}).user_id, 2**53 - 1)

    def test_user_id_before_sub(self):
        """`user_id` counts where both are present, whatever `sub` is."""
        self.assertEqual(self.identify(claims(sub="auth0|x")).user_id, 7)
        self.assertEqual(self.identify(claims(sub=9)).user_id, 7)

    def test_wrong_user_id(self):
        """A user id is an integer from 1 to 2^53 - 1; `true`, "5" and 5.0 are none, null neither."""
        for wrong in (0, -1, 2**53, 10**400, True, False, "5", 5.0, None, [5], {"a": 5}):
            self.assertInvalidClaims("user_id", claims(user_id=wrong))

    def test_wrong_user_id_with_right_sub(self):
        """A wrong `user_id` is not made good by `sub`: that might be another account."""
        self.assertInvalidClaims("user_id", claims(user_id="5", sub="5"))
        self.assertInvalidClaims("user_id", claims(user_id=None, sub="5"))

    def test_wrong_sub(self):
        """`sub` is canonical ASCII decimal: two texts never name one account."""
        for wrong in ("", "0", "007", "+7", "-7", " 7", "7 ", "7\n", "7.0", "1_0", "\u0667", "7a", "abc"):
            self.assertInvalidClaims("user_id", {"sub": wrong, "exp": NOW + 60})
        for wrong in (7, None, True, ["7"], {}):
            self.assertInvalidClaims("user_id", {"sub": wrong, "exp": NOW + 60})
        self.assertInvalidClaims("user_id", {"sub": str(2**53), "exp": NOW + 60})
        self.assertInvalidClaims("user_id", {"sub": "9" * 5_000, "exp": NOW + 60})
        self.assertInvalidClaims("user_id", {"exp": NOW + 60})

    def test_wrong_profile(self):
        """A nickname or picture that cannot be stored is left out; it does not lock its user out."""
        for wrong in (5, None, True, ["미나"], {}, "", "   ", "a\0b", "\ud800"):
            identity = self.identify(claims(nickname=wrong, profile_image=wrong, scope=wrong))
            self.assertEqual((identity.nickname, identity.profile_image), (None, None))
            self.assertEqual(identity.scopes, frozenset())

    def test_long_profile(self):
        """A nickname is cut to 100 characters; a picture's address of over 1,000 is left out."""
        identity = self.identify(claims(nickname="가" * 101, profile_image="x" * 1000))
        self.assertEqual(identity.nickname, "가" * 100)
        self.assertEqual(identity.profile_image, "x" * 1000)
        self.assertEqual(self.identify(claims(profile_image="x" * 1001)).profile_image, None)

    def test_scopes_are_separated_by_spaces(self):
        """Only a space separates scopes: no other white space makes `admin` of a longer name."""
        self.assertEqual(self.identify(claims(scope=" a  b ")).scopes, {"a", "b"})
        self.assertNotIn("admin", self.identify(claims(scope="not\u00a0admin x\tadmin")).scopes)
        self.assertEqual(self.identify(claims(scope=["admin"])).scopes, frozenset())


class TimeTests(TokenTestCase):
    def test_expired(self):
        """A token counts up to `exp`, not at it."""
        self.assertEqual(self.identify(claims(exp=NOW), at=NOW - 0.001).user_id, 7)
        self.assertInvalidClaims("expired", claims(exp=NOW))
        self.assertInvalidClaims("expired", claims(exp=NOW - 1))
        self.assertInvalidClaims("expired", claims(exp=0))

    def test_no_exp(self):
        """`exp` is required: a token that leaks must end some day."""
        self.assertInvalidClaims("exp", {"user_id": 7})

    def test_wrong_exp(self):
        """`exp` is a number of seconds before the year 10000."""
        for wrong in (None, True, "1800000000", [NOW + 60], {}, -1, 10**12, 10**400, 1e300):
            self.assertInvalidClaims("exp", claims(exp=wrong))

    def test_exp_that_is_no_number(self):
        """Python's JSON reads NaN and infinities; they are no time."""
        for wrong in (b"NaN", b"Infinity", b"-Infinity", b"1e999"):
            self.assertInvalidClaims("exp", b'{"user_id":7,"exp":' + wrong + b"}")

    def test_exp_of_thousands_of_digits(self):
        """A number that Python itself refuses to read is refused as well."""
        self.assertInvalidClaims("JSON", b'{"user_id":7,"exp":' + b"9" * 5_000 + b"}")

    def test_fractional_exp(self):
        """RFC 7519 allows fractions of seconds."""
        self.assertEqual(self.identify(claims(exp=NOW + 0.5)).expires_at_ms, NOW * 1000 + 500)

    def test_last_exp(self):
        """The last time that is accepted can still be written as a date, in milliseconds."""
        last = 253_402_214_400
        self.assertEqual(self.identify(claims(exp=last), leeway_s=3600).expires_at_ms, (last + 3600) * 1000)

    def test_not_yet(self):
        """`nbf` and `iat` in the future refuse a token; at this moment they do not."""
        for claim in ("nbf", "iat"):
            self.assertEqual(self.identify(claims(**{claim: NOW})).user_id, 7)
            self.assertInvalidClaims("not valid yet", claims(**{claim: NOW + 1}))
            for wrong in (None, True, "0", 10**400):
                self.assertInvalidClaims(claim, claims(**{claim: wrong}))

    def test_leeway(self):
        """Clocks may differ by the leeway, both ways; the token counts that much longer."""
        identity = self.identify(claims(exp=NOW - 4, nbf=NOW + 5), leeway_s=5)
        self.assertEqual(identity.expires_at_ms, (NOW + 1) * 1000)
        self.assertInvalidClaims("expired", claims(exp=NOW - 5), leeway_s=5)
        self.assertInvalidClaims("not valid yet", claims(nbf=NOW + 6), leeway_s=5)


class PartyTests(TokenTestCase):
    def test_audience(self):
        """Where an audience is configured, the token must be for one of it."""
        for right in ("chat", ["chat"], ["other", "chat2"], ["chat", 5]):
            self.assertEqual(self.identify(claims(aud=right), audience=["chat", "chat2"]).user_id, 7)
        for wrong in ("other", [], "", ["other"], None, 5, ["ch"], "cha", {"chat": 1}, [["chat"]]):
            self.assertInvalidClaims("aud", claims(aud=wrong), audience=["chat", "chat2"])
        self.assertInvalidClaims("aud", claims(), audience=["chat"])

    def test_no_audience(self):
        """Where none is configured, `aud` does not matter."""
        self.assertEqual(self.identify(claims(aud="other")).user_id, 7)

    def test_issuer(self):
        """Where an issuer is configured, the token must be from it."""
        self.assertEqual(self.identify(claims(iss="me"), issuer="me").user_id, 7)
        for wrong in ("you", "", None, ["me"], 5):
            self.assertInvalidClaims("iss", claims(iss=wrong), issuer="me")
        self.assertInvalidClaims("iss", claims(), issuer="me")

    def test_no_issuer(self):
        """Where none is configured, `iss` does not matter."""
        self.assertEqual(self.identify(claims(iss="you")).user_id, 7)


class AlgorithmTests(TokenTestCase):
    def test_every_algorithm(self):
        """A token of each algorithm is verified with a key of it."""
        for algorithm in ("HS256", "HS384", "HS512"):
            token = signed(claims(), SECRET, algorithm)
            self.assertEqual(tokens(Key.load(algorithm, SECRET)).identify(token).user_id, 7)
        for algorithm, private in (("RS256", RSA), ("ES256", EC), ("EdDSA", ED)):
            token = signed(claims(), private, algorithm)
            self.assertEqual(tokens(Key.load(algorithm, pem(private))).identify(token).user_id, 7)

    def test_foreign_key(self):
        """A good token of another key is refused."""
        self.assertInvalid(signed(claims(), SECRET[::-1]), "signature")
        foreign = ec.generate_private_key(ec.SECP256R1())
        self.assertInvalid(
            signed(claims(), foreign, "ES256"), "signature", tokens(Key.load("ES256", pem(EC)))
        )

    def test_none(self):
        """A token without a signature is refused, however `none` is spelt."""
        for none in ("none", "None", "NONE", "", None, False, [], ["none"]):
            unsigned = b".".join((part({"alg": none, "typ": "JWT"}), part(claims()), b"")).decode()
            self.assertInvalid(unsigned, "alg")
            self.assertInvalid(forged({"alg": none}, claims()), "alg")
        self.assertInvalid(forged({"typ": "JWT"}, claims()), "alg")

    def test_stripped_signature(self):
        """A token whose signature was cut off is refused."""
        signing_input = signed(claims()).rpartition(".")[0]
        self.assertInvalid(signing_input + ".", "signature")
        self.assertInvalid(signing_input, "malformed")

    def test_changed_claims(self):
        """Claims under another token's signature are refused."""
        header, _, signature = signed(claims()).split(".")
        self.assertInvalid(f"{header}.{part(claims(user_id=8)).decode()}.{signature}", "signature")

    def test_key_confusion(self):
        """The public key is no secret: a token "signed" with it by HMAC is refused."""
        public = pem(RSA)
        confused = forged({"alg": "HS256"}, claims(), public)
        self.assertInvalid(confused, "alg", tokens(Key.load("RS256", public)))
        self.assertInvalid(confused, "signature", tokens(Key.load("RS256", public), HS256))
        self.assertInvalid(
            forged({"alg": "RS256"}, claims(), public), "signature", tokens(Key.load("RS256", public))
        )

    def test_other_algorithm_of_the_family(self):
        """The algorithm is the key's: HS512 with the secret of HS256 is refused."""
        self.assertInvalid(signed(claims(), SECRET, "HS512"), "alg")
        self.assertInvalid(signed(claims(), RSA, "PS256"), "alg", tokens(Key.load("RS256", pem(RSA))))

    def test_header_that_lies(self):
        """A token that names an algorithm it was not signed with is refused."""
        self.assertInvalid(
            forged({"alg": "HS512"}, claims()), "signature", tokens(Key.load("HS512", SECRET), HS256)
        )


class KeyChoiceTests(TokenTestCase):
    old = Key.load("HS256", b"old" * 11, kid="old")
    new = Key.load("HS256", b"new" * 11, kid="new")

    def test_kid(self):
        """A token that names a key is verified with that one only."""
        both = tokens(self.old, self.new, HS256)
        self.assertEqual(both.identify(signed(claims(), b"new" * 11, kid="new")).user_id, 7)
        self.assertInvalid(signed(claims(), b"new" * 11, kid="old"), "signature", both)

    def test_no_kid(self):
        """A token that names none is verified with each key of its algorithm."""
        both = tokens(Key.load("RS256", pem(RSA)), self.old, self.new)
        self.assertEqual(both.identify(signed(claims(), b"new" * 11)).user_id, 7)
        self.assertEqual(both.identify(signed(claims(), RSA, "RS256")).user_id, 7)

    def test_unknown_kid(self):
        """A token that names an unknown key is refused, though a key would fit."""
        for kid in ("other", "", "../../etc/passwd", "' OR 1=1"):
            self.assertInvalid(signed(claims(), b"new" * 11, kid=kid), "kid", tokens(self.old, self.new))
        self.assertInvalid(signed(claims(), kid="x"), "kid")

    def test_kid_of_another_type(self):
        """A `kid` that is no string names nothing, not even the key without a name."""
        for kid in (None, 5, True, ["new"], {}):
            self.assertInvalid(forged({"alg": "HS256", "kid": kid}, claims()), "", tokens(HS256, self.new))

    def test_kid_of_another_algorithm(self):
        """The key that a token names decides the algorithm."""
        self.assertInvalid(
            forged({"alg": "HS384", "kid": "new"}, claims(), b"new" * 11), "alg", tokens(self.new)
        )

    def test_no_keys(self):
        """Without keys every token is refused."""
        self.assertInvalid(signed(claims()), "", Tokens(keys=(), now=lambda: NOW))


class MalformedTests(TokenTestCase):
    def test_nothing_to_verify(self):
        """An empty token is AUTH_FAILED: there is nothing to verify."""
        refused = self.assertRaises(Refused, tokens().identify, "")
        self.assertEqual(refused.code, Code.AUTH_FAILED)

    def test_no_token(self):
        """What is no JWT is INVALID_TOKEN."""
        header = part({"alg": "HS256"}).decode()
        for wrong in (" ", ".", "..", "...", "a.b.c", "토큰", "\ud800", "\0", "{}", header, f"{header}.."):
            self.assertInvalid(wrong, "")

    def test_header_that_is_no_object(self):
        """The header is a JSON object."""
        for header in ([], 5, "HS256", None, b"\xff", b"{", b"[" * 3_000, b"9" * 5_000):
            self.assertInvalid(forged(header, claims()), "header")

    def test_claims_that_are_no_object(self):
        """The claims are a JSON object."""
        for payload in ([], 5, "x", None, b"\xff", b"{", b"", b"[" * 3_000, b'{"a":' * 1_000):
            self.assertInvalid(forged({"alg": "HS256"}, payload), "claims")

    def test_crit(self):
        """A header with `crit` is refused, also where the JWT library knows the extension (b64)."""
        for crit in (["exp"], ["b64"], [], None, "b64"):
            self.assertInvalid(forged({"alg": "HS256", "b64": True, "crit": crit}, claims()), "crit")

    def test_unencoded_claims(self):
        """RFC 7797's unencoded payload is refused."""
        self.assertInvalid(forged({"alg": "HS256", "b64": False}, claims()), "malformed")

    def test_compressed_or_encrypted(self):
        """A token of five parts (JWE) is refused."""
        self.assertInvalid(signed(claims()) + ".a.b", "malformed")

    def test_length(self):
        """A token has at most 8,192 characters; a longer one is not even read."""
        longest = next(
            token for fill in range(6_000, 6_200) if len(token := signed(claims(x="x" * fill))) >= 8_190
        )
        self.assertTrue(8_190 <= len(longest) <= 8_192)
        self.assertEqual(tokens().identify(longest).user_id, 7)
        self.assertInvalid(signed(claims(x="x" * 6_200)), "8192")
        self.assertInvalid("." * 10_000_000, "8192")

    def test_white_space_around(self):
        """A token is compared as it is, not trimmed."""
        self.assertInvalid(signed(claims()) + "\n", "malformed")


class AnyTokenTests(SynchronousTestCase):
    """Whatever a stranger sends as a token is refused, and nothing else happens."""

    by = tokens(HS256, Key.load("RS256", pem(RSA)), Key.load("ES256", pem(EC)), Key.load("EdDSA", pem(ED)))
    json_values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
    known = st.sampled_from(
        ["user_id", "sub", "exp", "nbf", "iat", "aud", "iss", "nickname", "profile_image", "scope"]
    )
    headers = st.fixed_dictionaries(
        {"alg": st.sampled_from(["HS256", "RS256", "ES256", "EdDSA", "none"]) | json_values},
        optional={"kid": json_values, "crit": json_values, "b64": json_values, "typ": json_values},
    )

    def assertRefused(self, token: str) -> None:  # noqa: N802 - as unittest names them
        """Check that a token is refused, whatever the reason."""
        self.assertRaises(Refused, self.by.identify, token)

    @settings(deadline=None)
    @given(st.text() | st.text("abcdefgHIJ0123_-.=", max_size=200))
    def test_any_text(self, token):
        """Any text is refused."""
        self.assertRefused(token)

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=80), min_size=1, max_size=5))
    def test_any_parts(self, parts):
        """Any base64url parts are refused."""
        self.assertRefused(b".".join(map(part, parts)).decode())

    @settings(deadline=None)
    @given(headers, st.binary(max_size=600))
    def test_any_signature(self, header, signature):
        """Any header with any signature is refused."""
        self.assertRefused(b".".join((part(header), part(claims()), part(signature))).decode())

    @settings(deadline=None)
    @given(st.integers(0), st.characters(codec="ascii"))
    def test_one_character_changed(self, position, character):
        """A token with one character changed is refused."""
        token = signed(claims())
        position %= len(token)
        if token[position] != character:
            self.assertRefused(token[:position] + character + token[position + 1 :])

    @settings(deadline=None)
    @given(st.dictionaries(known, json_values))
    def test_any_claims(self, payload):
        """Whatever a trusted issuer signs gives an identity within its bounds, or is refused."""
        try:
            identity = tokens(audience=["a"]).identify(signed({"aud": "a"} | payload))
        except Refused:
            return
        self.assertTrue(1 <= identity.user_id < 2**53)
        self.assertTrue(identity.nickname is None or 1 <= len(identity.nickname) <= 100)

    @settings(deadline=None)
    @given(json_values, json_values, json_values)
    def test_any_profile(self, nickname, image, scope):
        """No nickname, picture or scope locks a user out."""
        identity = tokens().identify(signed(claims(nickname=nickname, profile_image=image, scope=scope)))
        self.assertEqual(identity.user_id, 7)


class KeyTests(SynchronousTestCase):
    def assertNoKey(self, algorithm: str, data: bytes, rule: str) -> None:  # noqa: N802 - as unittest names them
        """Check that a key is refused for this reason, in words that do not show it."""
        error = self.assertRaises(ValueError, Key.load, algorithm, data)
        self.assertIn(rule, str(error))
        self.assertNotIn(data.decode(errors="replace") or "nothing", str(error))

    def test_short_secret(self):
        """A secret has as many bytes as the algorithm's digest (RFC 7518, 3.2)."""
        for algorithm, least in (("HS256", 32), ("HS384", 48), ("HS512", 64)):
            self.assertNoKey(algorithm, b"x" * (least - 1), f"at least {least} bytes")
            self.assertEqual(Key.load(algorithm, b"x" * least).material, b"x" * least)
        self.assertNoKey("HS256", b"", "at least 32 bytes")

    def test_public_key_as_secret(self):
        """A public key is refused as an HMAC secret: everybody knows it (RFC 8725, 3.1)."""
        for data in (
            pem(RSA),
            pem(EC),
            pem(ED) + b"\n",
            pem(RSA)[:200],
            RSA.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        ):
            self.assertNoKey("HS256", data, "needs a secret")

    def test_secret_as_public_key(self):
        """What is no public key in PEM format is refused for the others."""
        for algorithm, private in (("RS256", RSA), ("ES256", EC), ("EdDSA", ED)):
            self.assertNoKey(algorithm, SECRET, "PEM")
            self.assertNoKey(algorithm, b"", "PEM")
            self.assertNoKey(algorithm, b"\xff\0", "PEM")
            # The server has no use for a private key, and should not be able to lose one.
            self.assertNoKey(algorithm, private_pem(private), "public key")

    def test_key_of_another_kind(self):
        """A public key fits its algorithm only: family, curve and size."""
        self.assertNoKey("RS256", pem(EC), "RS256")
        self.assertNoKey("ES256", pem(RSA), "ES256")
        self.assertNoKey("ES256", pem(ec.generate_private_key(ec.SECP384R1())), "ES256")
        self.assertNoKey("EdDSA", pem(EC), "EdDSA")
        self.assertNoKey("RS256", pem(rsa.generate_private_key(65537, 1024)), "2048 bits")  # noqa: S505 - the example
        self.assertEqual(Key.load("EdDSA", pem(ed448.Ed448PrivateKey.generate())).algorithm, "EdDSA")

    def test_made_directly(self):
        """A key that skips `load` is checked too."""
        for algorithm, material in (
            ("HS256", pem(RSA)),
            ("HS256", RSA.public_key()),
            ("RS256", SECRET),
            ("RS256", RSA),
            ("none", b""),
            ("none", SECRET),
            ("HS1", SECRET),
        ):
            self.assertRaises(ValueError, Key, algorithm=algorithm, material=material)

    def test_repr(self):
        """The representation of a key does not show it."""
        self.assertNotIn(SECRET.decode(), repr(HS256))
        self.assertNotIn(SECRET.decode(), repr(tokens()))


class MintTests(SynchronousTestCase):
    def test_round_trip(self):
        """A minted token identifies its user, with the scopes, until its lifetime is over."""
        token = mint(HS256, user_id=5, nickname="준", scopes=["admin", "x"], lifetime_s=60, now=NOW)
        identity = tokens().identify(token)
        self.assertEqual((identity.user_id, identity.nickname), (5, "준"))
        self.assertEqual(identity.scopes, {"admin", "x"})
        self.assertEqual(identity.expires_at_ms, (NOW + 60) * 1000)
        self.assertRaises(Refused, tokens(at=NOW + 60).identify, token)

    def test_least(self):
        """What is not given is not in the token."""
        token = mint(HS256, user_id=5, lifetime_s=60, now=NOW)
        self.assertEqual(
            jwt.decode(token, options={"verify_signature": False}),
            {"user_id": 5, "iat": NOW, "exp": NOW + 60},
        )

    def test_named_key(self):
        """A key with a name is named, and the configured audience and issuer are met."""
        key = Key.load("HS512", SECRET, kid="k")
        token = mint(key, user_id=5, audience=["chat"], issuer="me", lifetime_s=60, now=NOW)
        self.assertEqual(jwt.get_unverified_header(token)["kid"], "k")
        self.assertEqual(tokens(key, audience=["chat"], issuer="me").identify(token).user_id, 5)

    def test_public_key(self):
        """A public key signs nothing."""
        key = Key.load("ES256", pem(EC))
        self.assertRaises(ValueError, mint, key, user_id=5, lifetime_s=60, now=NOW)
