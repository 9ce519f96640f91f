"""Settings: what is read from where, and what a wrong one is told."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from assa.auth import Tokens, mint
from assa.config import (
    Config,
    ConfigError,
    create_state_dir,
    database_password,
    limits_of,
    load,
    signing_keys,
)
from assa.limits import Limits
from assa.settings import KeySection, LimitsSection

SECRET = "kept to ourselves, and 32 bytes or more"
LONG_SECRET = "x" * 64
EXAMPLE = Path(__file__).parent.parent / "etc" / "assa.toml"
PUBLIC = ec.generate_private_key(ec.SECP256R1()).public_key()
PUBLIC_PEM = PUBLIC.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class ConfigTestCase(SynchronousTestCase):
    def load(self, text: str = "", **environ: str) -> Config:
        """Return the settings of a file with this text and of these variables."""
        return load(
            self.file("assa.toml", text.encode("utf-8", "surrogateescape")), {"HOME": "/home/mina", **environ}
        )

    def file(self, name: str, data: bytes) -> str:
        """Return the path of a file that has this content."""
        path = self.directory() / name
        path.write_bytes(data)
        return str(path)

    def directory(self) -> Path:
        """Return a directory that is gone after the test; trial's mktemp would stay under pytest."""
        directory = TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        return Path(directory.name)

    def assertWrong(self, expected: str, text: str = "", **environ: str) -> None:  # noqa: N802 - as unittest names them
        """Check that settings are refused in one line that begins like this and shows no secret."""
        error = str(self.assertRaises(ConfigError, self.load, text, **environ))
        self.assertEqual(error[: len(expected)], expected)
        self.assertEqual(len(error.splitlines()), 1, error)
        self.assertTrue(error.isprintable())
        self.assertNotIn("hush", error)


class FileTests(ConfigTestCase):
    def test_none(self):
        """Without a file and variables all settings have their defaults."""
        config = load(None, {"HOME": "/home/mina"})
        defaults = Config()
        self.assertEqual(
            attrs.evolve(config, server=defaults.server),
            defaults,
        )
        self.assertEqual(config.server.listen, ("tcp:12345",))

    def test_some(self):
        """What a file does not mention keeps its default."""
        config = self.load(
            "[limits]\nconnections = 5\nping_interval = 2.5\n[server]\nlisten = ['tcp:1', 'tcp:2']"
        )
        self.assertEqual((config.limits.connections, config.limits.ping_interval), (5, 2.5))
        self.assertEqual(config.server.listen, ("tcp:1", "tcp:2"))
        self.assertEqual(config.limits.pong_timeout, Config().limits.pong_timeout)

    def test_no_such_file(self):
        """A file that is named and cannot be read is an error."""
        error = self.assertRaises(ConfigError, load, "/nowhere/assa.toml", {})
        self.assertEqual(str(error), "--config: /nowhere/assa.toml: No such file or directory")

    def test_no_toml(self):
        """What is no TOML is an error that names the file and the line."""
        path = self.file("broken.toml", b"[server]\nlisten = hush")
        error = str(self.assertRaises(ConfigError, load, path, {}))
        self.assertIn("broken.toml: ", error)
        self.assertIn("line 2", error)
        self.assertNotIn("hush", error)
        self.assertRaises(ConfigError, load, self.file("latin.toml", b"[auth]\nissuer = '\xe9'"), {})


class UnknownKeyTests(ConfigTestCase):
    def test_key(self):
        """An unknown key is an error that names the path, and the nearest name."""
        self.assertWrong(
            "limits.conections: unknown key; did you mean connections?", "[limits]\nconections = 5"
        )
        self.assertWrong("auth.zzzzzz: unknown key", "[auth]\nzzzzzz = 'hush'")

    def test_section(self):
        """An unknown section likewise."""
        self.assertWrong("limit: unknown key; did you mean limits?", "[limit]\nconnections = 5")
        self.assertWrong("listen: unknown key", "listen = ['tcp:1']")

    def test_key_of_a_key(self):
        """The path of a key in a list of tables has its place in the list."""
        self.assertWrong(
            "auth.keys[1].fil: unknown key; did you mean file?",
            "[auth]\nkeys = [{algorithm='HS256', file='a'}, {algorithm='HS256', fil='b'}]",
        )

    def test_strange_key(self):
        """A key with line breaks does not break the line."""
        self.assertWrong("limits.a\\nb\\u2028c: unknown key", '[limits]\n"a\\nb\\u2028c" = 5')


class RuleTests(ConfigTestCase):
    def test_seconds(self):
        """A time is a positive number of seconds, of ten years at most."""
        for wrong in ('"abc"', "0", "-1", "true", "nan", "inf", "1e300", "[1]", "2020-01-01", "{a=1}"):
            self.assertWrong(
                "limits.ping_interval: expected a positive number of seconds, got ",
                f"[limits]\nping_interval = {wrong}",
            )
        self.assertWrong(
            'limits.ping_interval: expected a positive number of seconds, got "abc"',
            '[limits]\nping_interval = "abc"',
        )
        self.assertEqual(self.load("[limits]\nshutdown = 0.5").limits.shutdown, 0.5)

    def test_counts(self):
        """A count is a positive integer: nothing is rounded or read out of a text."""
        for wrong in ('"5"', "0", "-1", "true", "5.0", "nan", "99999999999999999999", "[5]"):
            self.assertWrong(
                "limits.connections: expected a positive integer, got ", f"[limits]\nconnections = {wrong}"
            )

    def test_rates(self):
        """A rate is a number, and 0 switches it off."""
        self.assertEqual(self.load("[rate]\nmessages = 0\nothers = 0.5").rate.others, 0.5)
        for wrong in ("-1", "true", "nan", "inf", '"5"'):
            self.assertWrong(
                "rate.messages: expected a number per second, or 0, got ", f"[rate]\nmessages = {wrong}"
            )

    def test_flags(self):
        """A flag is true or false, and nothing that could be meant as either."""
        self.assertTrue(self.load("[server]\nreuse_port = true").server.reuse_port)
        self.assertTrue(self.load(ASSA_SERVER__REUSE_PORT="true").server.reuse_port)
        for wrong in ("1", "0", '"true"', "[]"):
            self.assertWrong(
                "server.reuse_port: expected true or false, got ", f"[server]\nreuse_port = {wrong}"
            )

    def test_texts(self):
        """A text is a text, and none that a file name or a database would choke on."""
        for wrong in ("5", "true", "['a']", '"a\\u0000b"', "2020-01-01"):
            self.assertWrong("auth.issuer: expected a string, got ", f"[auth]\nissuer = {wrong}")

    def test_choices(self):
        """A choice is one of the values listed."""
        for wrong in ('"Close"', '"closed"', '"close\\n"', "true", "['close']"):
            self.assertWrong("auth.expiry: expected close or keep, got ", f"[auth]\nexpiry = {wrong}")
        self.assertWrong(
            "auth.algorithms[1]: expected one of HS256, ", "[auth]\nalgorithms = ['HS256', 'none']"
        )

    def test_names(self):
        """One underscore between section and key is a slip; a variable that is no setting may be there."""
        self.assertWrong(
            "ASSA_LIMITS_CONNECTIONS: unknown; did you mean ASSA_LIMITS__CONNECTIONS?",
            ASSA_LIMITS_CONNECTIONS="5",
        )
        self.load(ASSA_REQUIRE="1", ASSA_LIMITS_="5", ASSA_LIMITS="5", ASSA_STORAGE_BACKEND="x")

    def test_answer_timeout(self):
        """The server answers before clients give up."""
        self.assertWrong("limits.answer_timeout: expected less than 10", "[limits]\nanswer_timeout = 10")

    def test_lists(self):
        """A list in a file is written as one, and an error names the place in it."""
        self.assertWrong("server.listen: expected a list", "[server]\nlisten = 'tcp:1'")
        self.assertWrong("auth.keys: expected a list", "[auth.keys]\nalgorithm = 'HS256'")
        self.assertWrong("server.listen: expected at least one", "[server]\nlisten = []")
        self.assertWrong(
            'server.listen[1]: expected a string that is not empty, got ""', "[server]\nlisten = ['a', '']"
        )

    def test_tables(self):
        """A section is a table."""
        for wrong in ("5", "'hush'", "[]", "[[]]"):
            self.assertWrong("auth: expected a table", f"auth = {wrong}")
        self.assertWrong("auth.keys[0]: expected a table", "[auth]\nkeys = ['hush']")

    def test_leeway(self):
        """The leeway is at most an hour: it makes every token last longer."""
        self.assertEqual(self.load("[auth]\nleeway = 3600").auth.leeway, 3600)
        for wrong in ("3601", "-1", "true", "nan"):
            self.assertWrong("auth.leeway: expected 0 to 3600 seconds, got ", f"[auth]\nleeway = {wrong}")

    def test_prefix(self):
        """The prefix of files is a path that cannot be left by `..`."""
        self.assertEqual(self.load("[files]\nprefix = '/a/b.c/'").files.prefix, "/a/b.c/")
        for wrong in ("", "a/", "/a", "//", "/a//b/", "/../", "/a/./", "/a/../", "/a\\\\b/"):
            self.assertWrong("files.prefix: expected a path", f'[files]\nprefix = "{wrong}"')

    def test_calls(self):
        """STUN and TURN servers are URLs of their kind, and TURN needs its secret."""
        self.assertWrong("calls.stun_urls[0]: expected a URL", "[calls]\nstun_urls = ['turn:a']")
        self.assertWrong("calls.turn_urls[0]: expected a URL", "[calls]\nturn_urls = ['http://a']")
        self.assertWrong("calls.turn_secret: required", "[calls]\nturn_urls = ['turns:a?transport=tcp']")
        self.load("[calls]\nturn_urls = ['turns:a?transport=tcp']\nturn_secret = 'x'\nstun_urls = ['stun:b']")

    def test_lines(self):
        """The three limits of a line are in order."""
        self.assertWrong("limits.line_bytes: expected ", "[limits]\nline_bytes = 5000000")
        self.assertWrong("limits.line_bytes: expected ", "[limits]\nearly_line_bytes = 5000000")

    @settings(deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from([field.name for field in attrs.fields(Config)]) | st.text(max_size=5),
            st.dictionaries(st.sampled_from(["secret", "keys", "connections", "url", "listen"]), st.text())
            | st.text(),
        )
    )
    def test_anything(self, tree):
        """Whatever the environment says is taken or refused, in one line."""
        environ = {"HOME": "/h"}
        for section, values in tree.items():
            for key, value in values.items() if isinstance(values, dict) else [("", values)]:
                environ[f"ASSA_{section}__{key}".upper()] = value
        try:
            load(None, environ)
        except ConfigError as error:
            self.assertTrue(str(error).isprintable())


class EnvironmentTests(ConfigTestCase):
    def test_over_the_file(self):
        """A variable wins over the file, and leaves the rest of its section alone."""
        config = self.load(
            "[limits]\nconnections = 5\nfile_bytes = 6", ASSA_LIMITS__CONNECTIONS="7", ASSA_AUTH__ISSUER="me"
        )
        self.assertEqual((config.limits.connections, config.limits.file_bytes), (7, 6))
        self.assertEqual(config.auth.issuer, "me")

    def test_over_a_wrong_file(self):
        """A variable does not hide that the file's section is none."""
        self.assertWrong("limits: expected a table", "limits = 5", ASSA_LIMITS__CONNECTIONS="7")

    def test_texts(self):
        """A text is taken as it is, also where TOML would see a number, a date or two lines."""
        for text in (
            "2024",
            "1e5",
            "true",
            "2020-01-01",
            "[x]",
            "a # b",
            "'",
            "1\n[auth]\nsecret='x'",
            " a ",
            "{}",
        ):
            self.assertEqual(self.load(ASSA_AUTH__ISSUER=text).auth.issuer, text)
        self.assertEqual(self.load(ASSA_AUTH__ISSUER='"a"\n[b]').auth.issuer, '"a"\n[b]')
        self.assertEqual(self.load(ASSA_AUTH__ISSUER='"quoted # text"').auth.issuer, "quoted # text")

    def test_lists(self):
        """A list is a TOML list, or one text."""
        self.assertEqual(self.load(ASSA_SERVER__LISTEN="tcp:1").server.listen, ("tcp:1",))
        self.assertEqual(
            self.load(ASSA_SERVER__LISTEN='["tcp:1", "tcp:2"]').server.listen, ("tcp:1", "tcp:2")
        )
        self.assertEqual(self.load(ASSA_AUTH__AUDIENCE="2024").auth.audience, ("2024",))
        self.assertEqual(self.load("[auth]\naudience = ['a']", ASSA_AUTH__AUDIENCE="").auth.audience, ())

    def test_tables(self):
        """Keys are TOML inline tables."""
        key = f'{{algorithm = "HS256", kid = "a", secret = "{SECRET}"}}'
        expected = (KeySection(algorithm="HS256", kid="a", secret=SECRET),)
        self.assertEqual(self.load(ASSA_AUTH__KEYS=f"[{key}]").auth.keys, expected)
        self.assertEqual(self.load(ASSA_AUTH__KEYS=key).auth.keys, expected)
        self.assertWrong("auth.keys[0]: expected a table", ASSA_AUTH__KEYS="hush")

    def test_wrong_value(self):
        """An error of a variable names the setting, the rule and the variable."""
        error = str(self.assertRaises(ConfigError, self.load, ASSA_LIMITS__PING_INTERVAL="abc"))
        self.assertEqual(
            error,
            'limits.ping_interval: expected a positive number of seconds, got "abc"'
            " (from ASSA_LIMITS__PING_INTERVAL)",
        )

    def test_innocent_variable(self):
        """An error of the file is not blamed on a variable, however similar its name."""
        error = self.assertRaises(
            ConfigError, self.load, "[limits]\nconnections_per_user = 0", ASSA_LIMITS__CONNECTIONS="5"
        )
        self.assertEqual(str(error), "limits.connections_per_user: expected a positive integer, got 0")

    def test_unknown(self):
        """An unknown variable with two underlines is an error; it may be a misspelt setting."""
        self.assertWrong(
            "limits.conections: unknown key; did you mean connections? (from ASSA_LIMITS__CONECTIONS)",
            ASSA_LIMITS__CONECTIONS="5",
        )
        self.assertWrong("limit: unknown key; did you mean limits? (from ASSA_LIMIT__X)", ASSA_LIMIT__X="5")
        self.assertWrong("auth.keys__0: unknown key", ASSA_AUTH__KEYS__0="hush")
        self.assertWrong("development: unknown key", ASSA_DEVELOPMENT__REAL="1")

    def test_others(self):
        """Other variables are somebody else's."""
        self.load(ASSA_REQUIRE="1", ASSA_="2", ASSAX__A="3", LIMITS__CONNECTIONS="4", assa_limits__x="5")

    def test_bytes(self):
        """A variable that is no UTF-8 is refused, not half read."""
        self.assertWrong("auth.issuer: expected a string", ASSA_AUTH__ISSUER="a\udcff")
        self.assertWrong("auth.secret: expected a string", ASSA_AUTH__SECRET="hush\udcff" * 9)


class DirectoryTests(ConfigTestCase):
    def test_state_dir(self):
        """The state directory is the configured one, else systemd's, else the user's own."""
        systemd, xdg = {"STATE_DIRECTORY": "/var/lib/assa:/var/lib/b"}, {"XDG_STATE_HOME": "/xdg"}
        for environ, expected in (
            ({"ASSA_SERVER__STATE_DIR": "/mine", **systemd}, "/mine"),
            ({**systemd, **xdg}, "/var/lib/assa"),
            (xdg, "/xdg/assa"),
            # The XDG specification has relative paths ignored.
            ({"XDG_STATE_HOME": "xdg"}, "/home/mina/.local/state/assa"),
            ({}, "/home/mina/.local/state/assa"),
        ):
            self.assertEqual(self.load(**environ).server.state_dir, expected)

    def test_database(self):
        """The database is a file in the state directory, or the file configured."""
        self.assertEqual(self.load(STATE_DIRECTORY="/s").sqlite_path, "/s/assa.sqlite3")
        self.assertEqual(self.load(ASSA_STORAGE__URL="sqlite:/a/b.db").sqlite_path, "/a/b.db")
        self.assertEqual(self.load(ASSA_STORAGE__URL="sqlite::memory:").sqlite_path, ":memory:")

    def test_postgres(self):
        """A PostgreSQL URL is recognised, and named without its user and password."""
        for url in ("postgresql://a:hush@b:1/c", "postgres://a:hush@b:1/c"):
            config = self.load(ASSA_STORAGE__URL=url)
            self.assertEqual((config.postgres, config.database), (True, "postgresql://b:1/c"))
            self.assertNotIn("hush", repr(config))
        self.assertFalse(self.load(ASSA_STORAGE__URL="sqlite:/a").postgres)

    def test_other_database(self):
        """Another URL, which may have a password, is refused and not shown."""
        expected = "expected sqlite:PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        for url in ("mysql://a:hush@b/c", "sqlite:", "hush.db", "SQLITE:hush"):
            self.assertWrong(f"storage.url: {expected}", ASSA_STORAGE__URL=url)
        expected = "storage.listen_url: expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
        self.assertWrong(expected, ASSA_STORAGE__LISTEN_URL="sqlite:hush")

    def test_postgres_password_escaped(self):
        """A URL in which a part of the password can be taken for something else is refused, and not shown."""
        for password in ("Sec#ret", "Sec/ret", "Sec?ret", "Sec@ret", "Sec[ret"):
            for key in ("url", "listen_url"):
                told = self.assertWrong(
                    f"storage.{key}: expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with / ? # @ [ ]"
                    " in the user or the password as %2F %3F %23 %40 %5B %5D",
                    **{f"ASSA_STORAGE__{key.upper()}": f"postgresql://a:{password}@b:1/c"},
                )
                self.assertNotIn("Sec", str(told))
        for url in (
            "postgresql:///c?host=/tmp",
            "postgresql://a@[::1]:5/c",
            "postgres://a:%40x@b,c:1,2/d?sslmode=x",
        ):
            self.assertTrue(self.load(ASSA_STORAGE__URL=url).postgres)

    def test_database_password(self):
        """The password of the database may be in a file, white space around it ignored."""
        file = self.directory() / "password"
        file.write_text(" hush\n")
        self.assertEqual(database_password(self.load(ASSA_STORAGE__PASSWORD_FILE=str(file))), "hush")
        self.assertEqual(database_password(self.load()), "")
        missing = self.load(ASSA_STORAGE__PASSWORD_FILE=str(file) + "x")
        with self.assertRaisesRegex(ConfigError, r"^storage\.password_file: .*: No such file"):
            database_password(missing)

    def test_private(self):
        """The state directory is made for its owner alone."""
        config = self.load(ASSA_SERVER__STATE_DIR=str(self.directory() / "a" / "b"))
        self.assertEqual(stat.S_IMODE(create_state_dir(config).stat().st_mode), 0o700)
        create_state_dir(config)

    def test_cannot_be_made(self):
        """A state directory that cannot be made is an error that names the setting."""
        config = self.load(ASSA_SERVER__STATE_DIR=self.file("file", b"") + "/b")
        error = self.assertRaises(ConfigError, create_state_dir, config)
        self.assertTrue(str(error).startswith("server.state_dir: "))


class KeyTests(ConfigTestCase):
    def keys(self, text: str = "", **environ: str) -> list[tuple[str, str | None]]:
        """Return algorithm and name of each key that the settings give."""
        return [(key.algorithm, key.kid) for key in signing_keys(self.load(text, **environ))]

    def assertNoKeys(self, expected: str, text: str = "", **environ: str) -> None:  # noqa: N802 - as unittest names them
        """Check that the settings are good, and a key that they name is not."""
        error = str(self.assertRaises(ConfigError, signing_keys, self.load(text, **environ)))
        self.assertTrue(re.match(expected, error), error)
        self.assertTrue(error.isprintable())

    def test_secret(self):
        """The secret is the key of each HMAC algorithm that is allowed."""
        self.assertEqual(self.keys(ASSA_AUTH__SECRET=SECRET), [("HS256", None)])
        self.assertEqual(
            self.keys("[auth]\nalgorithms = ['HS512', 'RS256', 'HS256']", ASSA_AUTH__SECRET=LONG_SECRET),
            [("HS512", None), ("HS256", None)],
        )

    def test_secret_file(self):
        """White space around the secret in a file is not part of it."""
        path = self.file("secret", f"\n {SECRET}\r\n".encode())
        (key,) = signing_keys(self.load(ASSA_AUTH__SECRET_FILE=path))
        self.assertEqual(key.material, SECRET.encode())

    def test_random_secret_file(self):
        """A secret of random bytes is taken as it is."""
        data = b"\xff" * 32 + b"\n"
        (key,) = signing_keys(self.load(ASSA_AUTH__SECRET_FILE=self.file("secret", data)))
        self.assertEqual(key.material, data)

    def test_short_secret(self):
        """A secret that is too short for its algorithm is refused, and not shown."""
        self.assertWrong("auth.secret: HS256 needs a secret of at least 32 bytes", "[auth]\nsecret = 'hush'")
        self.assertWrong(
            "auth.secret: HS512 needs a secret of at least 64 bytes",
            f"[auth]\nsecret = '{'hush' * 12}'\nalgorithms = ['HS256', 'HS512']",
        )
        self.assertNoKeys(
            "auth.secret_file: HS256 needs",
            ASSA_AUTH__SECRET_FILE=self.file("secret", b"short \n" + b" " * 32),
        )

    def test_secret_of_another_type(self):
        """A secret is a text; what else it is is not shown."""
        self.assertWrong("auth.secret: expected a string", "[auth]\nsecret = ['hush']")
        self.assertWrong("calls.turn_secret: expected a string", "[calls]\nturn_secret = {hush = 1}")
        self.assertWrong(
            "auth.keys[0].secret: expected a string", "[auth]\nkeys = [{algorithm='HS256', secret=['hush']}]"
        )

    def test_public_key_as_secret(self):
        """A public key is no secret, wherever it is configured as one."""
        pem = PUBLIC_PEM.decode()
        self.assertWrong("auth.secret: HS256 needs a secret, got a key", f"[auth]\nsecret = '''{pem}'''")
        path = self.file("key.pem", PUBLIC_PEM)
        self.assertNoKeys("auth.secret_file: HS256 needs a secret, got a key", ASSA_AUTH__SECRET_FILE=path)
        self.assertNoKeys(
            r"auth.keys\[0\].file: HS256 needs a secret, got a key",
            ASSA_AUTH__KEYS=f'{{algorithm="HS256", file="{path}"}}',
        )

    def test_both(self):
        """The secret and the file of it exclude each other."""
        self.assertWrong("auth.secret_file: ", ASSA_AUTH__SECRET=SECRET, ASSA_AUTH__SECRET_FILE="a")

    def test_more_keys(self):
        """Further keys come after the secret, each with its own algorithm and name."""
        pem, raw = self.file("key.pem", PUBLIC_PEM), self.file("raw", LONG_SECRET.encode())
        self.assertEqual(
            self.keys(
                f"""
                [auth]
                secret = "{LONG_SECRET}"
                algorithms = ["HS256", "HS512", "ES256"]
                keys = [
                    {{ algorithm = "ES256", kid = "a", file = "{pem}" }},
                    {{ algorithm = "HS512", file = "{raw}" }},
                ]
                """
            ),
            [("HS256", None), ("HS512", None), ("ES256", "a"), ("HS512", None)],
        )

    def test_wrong_keys(self):
        """A key has an allowed algorithm, one source and a name of its own."""
        key = f"algorithm='HS256', secret='{SECRET}'"
        for expected, keys in (
            ("auth.keys[0].algorithm: required", "{file='a'}"),
            ("auth.keys[0].algorithm: expected one of HS256, ", "{algorithm='none', file='a'}"),
            ("auth.keys[0].algorithm: expected one of auth.algorithms", "{algorithm='RS256', file='a'}"),
            ("auth.keys[0]: expected either file or secret", "{algorithm='HS256'}"),
            ("auth.keys[0]: expected either file or secret", f"{{{key}, file='a'}}"),
            ("auth.keys[1].kid: another key has it", f"{{{key}, kid='a'}}, {{{key}, kid='a'}}"),
            ("auth.keys[0].secret: HS256 needs", "{algorithm='HS256', secret='hush'}"),
            ("auth.keys[0].kid: expected a string", f"{{{key}, kid=5}}"),
        ):
            self.assertWrong(expected, f"[auth]\nkeys = [{keys}]")

    def test_missing_file(self):
        """A key file is read only when the keys are needed; then it has to be there."""
        self.assertNoKeys("auth.secret_file: /nowhere: No such file", ASSA_AUTH__SECRET_FILE="/nowhere")
        self.assertNoKeys("auth.secret_file: /: ", ASSA_AUTH__SECRET_FILE="/")

    def test_secret_without_algorithm(self):
        """A secret, generated or not, is of no use where no HMAC algorithm is allowed."""
        self.assertWrong("auth.algorithms: expected one of HS256, ", "[auth]\nalgorithms = ['RS256']")
        self.assertWrong("auth.algorithms: expected one of HS256, ", "[auth]\nalgorithms = []")

    def test_repr(self):
        """The representation of the settings shows no secret."""
        config = self.load(
            f"""
            [auth]
            secret = "{SECRET}"
            keys = [{{ algorithm = "HS256", secret = "{SECRET}" }}]
            [calls]
            turn_secret = "{SECRET}"
            """
        )
        self.assertNotIn(SECRET, repr(config))


class DevelopmentTests(ConfigTestCase):
    def setUp(self):
        """Configure a server that has no key, and has not been started yet."""
        self.state_dir = self.directory() / "assa"
        self.secret = self.state_dir / "secret"
        self.config = self.load(ASSA_SERVER__STATE_DIR=str(self.state_dir))

    def make(self, content: str, mode: int) -> None:
        """Put a secret there as if an earlier start had made it."""
        self.state_dir.mkdir()
        self.secret.write_text(content)
        self.secret.chmod(mode)

    def assertNoKeys(self, expected: str) -> None:  # noqa: N802 - as unittest names them
        """Check that there is an error that names the file and the reason."""
        error = str(self.assertRaises(ConfigError, signing_keys, self.config))
        self.assertIn(str(self.secret), error)
        self.assertIn(expected, error)

    def test_mode(self):
        """A server is a development server exactly while no key is configured."""
        self.assertTrue(self.config.development)
        for text in ("secret = ''", "algorithms = ['HS512']", "audience = ['a']"):
            self.assertTrue(self.load(f"[auth]\n{text}").development)
        key = f"keys = [{{algorithm='HS256', secret='{SECRET}'}}]"
        for text in (f"secret = '{SECRET}'", "secret_file = 'a'", key):
            self.assertFalse(self.load(f"[auth]\n{text}").development)

    def test_made_once(self):
        """The secret is made at the first start, for its owner alone, and read at the next."""
        self.addCleanup(os.umask, os.umask(0))
        first, second = signing_keys(self.config), signing_keys(self.config)
        self.assertEqual(first, second)
        self.assertEqual(stat.S_IMODE(self.secret.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.state_dir.stat().st_mode), 0o700)
        token = mint(first[0], user_id=5, lifetime_s=60, now=0)
        self.assertEqual(Tokens(keys=second, now=lambda: 1).identify(token).user_id, 5)

    def test_every_algorithm(self):
        """The secret is long enough for each HMAC algorithm."""
        auth = attrs.evolve(self.config.auth, algorithms=("HS512", "HS384"))
        keys = signing_keys(attrs.evolve(self.config, auth=auth))
        self.assertEqual([key.algorithm for key in keys], ["HS512", "HS384"])

    def test_only_when_needed(self):
        """Loading the settings, or a configured key, makes no file."""
        auth = attrs.evolve(self.config.auth, secret=SECRET)
        signing_keys(attrs.evolve(self.config, auth=auth))
        self.assertFalse(self.state_dir.exists())

    def test_different(self):
        """Two servers make two secrets."""
        other = self.load(ASSA_SERVER__STATE_DIR=str(self.directory()))
        self.assertNotEqual(signing_keys(self.config), signing_keys(other))

    def test_readable_by_others(self):
        """A secret that others can read is refused."""
        self.make(SECRET, 0o600)
        self.assertEqual(len(signing_keys(self.config)), 1)
        for mode in (0o640, 0o604, 0o644, 0o620):
            self.secret.chmod(mode)
            self.assertNoKeys("others can read it")

    def test_broken(self):
        """A secret that an interrupted start left empty, or that is none, is refused."""
        self.make("\n", 0o600)
        self.assertNoKeys("empty")
        self.secret.unlink()
        self.secret.mkdir(mode=0o700)
        self.assertNoKeys("directory")

    def test_planted_link(self):
        """A link that leads nowhere is not followed to make the secret there."""
        self.state_dir.mkdir()
        elsewhere = self.directory() / "secret"
        self.secret.symlink_to(elsewhere)
        self.assertNoKeys("No such file")
        self.assertFalse(elsewhere.exists())


class LimitsTests(ConfigTestCase):
    def test_defaults(self):
        """The default settings are the protocol's limits (section 10)."""
        self.assertEqual(limits_of(Config()), Limits())

    def test_each(self):
        """Each setting of the section reaches its limit, and no other."""
        names = {field.name for field in attrs.fields(Limits)}
        for field in attrs.fields(LimitsSection):
            limits = limits_of(Config(limits=LimitsSection(**{field.name: 77})))
            name = field.name if field.name in names else f"{field.name}_s"
            self.assertEqual(limits, attrs.evolve(Limits(), **{name: 77}))

    def test_every_limit_is_a_setting(self):
        """There is a setting for each limit; that of events is in the section of the storage."""
        settings = {field.name for field in attrs.fields(LimitsSection)} | {"event_retention"}
        self.assertEqual({field.name.removesuffix("_s") for field in attrs.fields(Limits)}, settings)
        config = self.load("[storage]\nevent_retention = 60")
        self.assertEqual(limits_of(config), Limits(event_retention_s=60))


class ExampleTests(SynchronousTestCase):
    """etc/assa.toml shows every setting at its default."""

    def test_as_it_is(self):
        """The file can be used unchanged."""
        self.assertEqual(load(str(EXAMPLE), {"HOME": "/h"}), load(None, {"HOME": "/h"}))

    def test_every_setting(self):
        """With its comments opened it says all defaults, and nothing is missing."""
        tree = tomllib.loads(re.sub(r"(?m)^#(?=\w+ = )", "", EXAMPLE.read_text(encoding="utf-8")))
        self.assertEqual(tree, _lists(attrs.asdict(Config())))

    def test_explained(self):
        """Each setting, or group of them, comes after a comment."""
        lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
        for previous, line in pairwise(lines):
            if re.match(r"#\w+ = ", line):
                self.assertTrue(previous.startswith("#"), line)


def _lists(value: object) -> object:
    if isinstance(value, dict):
        return {key: _lists(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
