"""The command `assa`: its arguments, and a conversation against a server in memory."""

from __future__ import annotations

import contextlib
import io
import os
import string
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from assa import __version__
from assa.auth import Tokens
from assa.cli import main, make_parser
from assa.cli.chat.conversation import COMMANDS, Conversation
from assa.cli.chat.editor import LineEditor, place
from assa.cli.chat.narration import Narrator
from assa.cli.chat.screens import PipeScreen, StandardStreams, TerminalScreen
from assa.cli.chat.words import LANGUAGES, Words, harmless, language_of
from assa.cli.database import _require_database
from assa.cli.options import CommandError
from assa.cli.servers import listens, place_of
from assa.client import Rejected, ServerError, forms, tls_endpoint
from assa.config import load, signing_keys
from assa.rates import RateLimits
from assa.storage import users
from tests.test_client import Road
from tests.world import UNLIMITED, World

SECRET = "a secret for tests that is long enough"


class CommandCase(SynchronousTestCase):
    """Runs commands in this process, in a directory of their own."""

    def setUp(self) -> None:
        """Prepare what the tests begin with."""
        directory = tempfile.TemporaryDirectory(prefix="assa-")
        self.addCleanup(directory.cleanup)
        self.state = Path(directory.name, "state")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("ASSA_")}
        self.patch(os, "environ", inherited | {"ASSA_SERVER__STATE_DIR": str(self.state)})

    def run_command(self, *arguments: str) -> tuple[Any, str, str]:
        """Run a command and return its status, its output and its errors."""
        out, err = io.StringIO(), io.StringIO()
        status: Any = 0
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main(arguments)
            except SystemExit as ended:
                status = ended.code
        if isinstance(status, str):  # what the interpreter does with it
            return 1, out.getvalue(), f"{err.getvalue()}{status}\n"
        return status, out.getvalue(), err.getvalue()


class TokenTests(CommandCase):
    def identify(self, token: str) -> Any:
        """Return whom the server takes the bearer of a token for."""
        config = load(None, os.environ)
        tokens = Tokens(
            keys=signing_keys(config), audience=config.auth.audience, issuer=config.auth.issuer, now=time.time
        )
        return tokens.identify(token.strip())

    def test_development(self) -> None:
        """It is good on a development server, started before or not, and is all that is printed."""
        status, out, err = self.run_command("token", "5", "--nickname", "준", "--admin", "--scope", "a b")
        self.assertEqual((status, err, out.count("\n")), (0, "", 1))
        identity = self.identify(out)
        self.assertEqual((identity.user_id, identity.nickname), (5, "준"))
        self.assertEqual(identity.scopes, {"admin", "a", "b"})

    def test_configured(self) -> None:
        """It is for the configured audience, from the configured issuer; --user is the same as USER_ID."""
        os.environ |= {"ASSA_AUTH__SECRET": SECRET, "ASSA_AUTH__AUDIENCE": "chat", "ASSA_AUTH__ISSUER": "me"}
        self.assertEqual(self.identify(self.run_command("token", "--user", "7")[1]).user_id, 7)
        self.assertFalse(self.state.exists())

    def test_public_keys_only(self) -> None:
        """Nobody can sign with a public key."""
        os.environ |= {"ASSA_AUTH__ALGORITHMS": "ES256", "ASSA_AUTH__SECRET": SECRET}
        status, out, err = self.run_command("token", "7")
        self.assertEqual((status, out, err.count("\n")), (1, "", 1))

    def test_wrong_command_line(self) -> None:
        """Status 2 and an explanation."""
        for wrong in (
            [],
            ["0"],
            ["x"],
            ["9007199254740992"],
            ["5", "--user", "6"],
            ["5", "--lifetime", "0"],
            ["5", "--lifetime", "x"],
            ["5", "--nickname", ""],
            ["5", "--nickname", "a\nb"],
        ):
            status, out, err = self.run_command("token", *wrong)
            self.assertEqual((status, out), (2, ""), wrong)
            self.assertIn("assa token: error:", err)

    def test_broken_pipe(self) -> None:
        """It is no defect when nobody reads the output."""

        class Closed(io.StringIO):
            def write(self, text: str) -> int:
                raise BrokenPipeError

        with contextlib.redirect_stdout(Closed()):
            ended = self.assertRaises(SystemExit, main, ["token", "5"])
        self.assertEqual(ended.code, 1)


class CheckConfigTests(CommandCase):
    def test_development(self) -> None:
        """Nothing is made; what the server would do is told."""
        status, out, err = self.run_command("check-config")
        self.assertEqual((status, err, out.splitlines()[0]), (0, "", "ok"))
        self.assertIn("tcp:12345", out)
        self.assertIn(str(self.state / "assa.sqlite3"), out)
        self.assertFalse(self.state.exists())

    def test_secrets_are_not_shown(self) -> None:
        """The algorithms are shown, the secret is not."""
        os.environ["ASSA_AUTH__SECRET"] = SECRET
        _, out, _ = self.run_command("check-config")
        self.assertIn("HS256", out)
        self.assertNotIn(SECRET, out)

    def test_existing_state(self) -> None:
        """A database and a secret that exist are looked at."""
        self.run_command("token", "1")
        (self.state / "assa.sqlite3").touch()
        self.assertEqual(self.run_command("check-config")[0], 0)
        (self.state / "secret").chmod(0o644)
        self.assertIn("others can read it", self.run_command("check-config")[2])

    def test_problems(self) -> None:
        """Each problem is a line of its own."""
        os.environ |= {
            "ASSA_SERVER__LISTEN": '["tcq:1", "tcp:1"]',
            "ASSA_STORAGE__URL": "sqlite:/nowhere/at/all.sqlite3",
            "ASSA_AUTH__SECRET_FILE": "/nowhere/secret",
        }
        status, out, err = self.run_command("check-config")
        self.assertEqual((status, out), (1, ""))
        where = [line.split(": ")[1] for line in err.splitlines()]
        self.assertEqual(where, ["auth.secret_file", "server.listen", "storage.url"])

    def test_endpoints(self) -> None:
        """Each mistake in an endpoint says what is expected."""
        self.state.mkdir()
        file = self.state / "no-certificate.pem"
        file.write_text("hello")
        for endpoint, expected in (
            ("tcp", "tcp: a port is missing, as in tcp:12345"),
            ("tcp:99999", "expected a port of at most 65535"),
            ("ssl:4443", "expected ssl:PORT:privateKey=FILE:certKey=FILE"),
            ("ssl:4443:privateKey=/no.pem:certKey=/no.pem", "/no.pem: No such file"),
            (f"ssl:4443:privateKey={file}:certKey={file}", "expected a key and its certificate as PEM"),
        ):
            os.environ["ASSA_SERVER__LISTEN"] = endpoint
            status, _, err = self.run_command("check-config")
            self.assertEqual((status, err.count("\n")), (1, 1))
            self.assertIn(f"server.listen: {endpoint}: ".removesuffix("tcp: "), err)
            self.assertIn(expected, err)

    def test_storage(self) -> None:
        """A directory is no database; a path below a file cannot be made."""
        self.state.mkdir()
        (self.state / "assa.sqlite3").mkdir()
        self.assertIn("not a file", self.run_command("check-config")[2])
        file = self.state / "file"
        file.touch()
        os.environ["ASSA_SERVER__STATE_DIR"] = str(file / "state")
        self.assertIn("storage.url", self.run_command("check-config")[2])

    def test_no_key(self) -> None:
        """Without a usable key nobody could connect."""
        os.environ |= {"ASSA_AUTH__ALGORITHMS": "ES256", "ASSA_AUTH__SECRET": SECRET}
        self.assertEqual(self.run_command("check-config")[0], 1)

    def test_unreadable(self) -> None:
        """A wrong setting is one line, as for every command."""
        os.environ["ASSA_LIMITS__CONNECTIONS"] = "many"
        for command in (["check-config"], ["token", "5"]):
            status, _, err = self.run_command(*command)
            self.assertEqual((status, err.count("\n")), (1, 1))
            self.assertIn("limits.connections", err)


class DatabaseTests(CommandCase):
    def test_user_of_no_database(self) -> None:
        """A database that is not there, or empty, is not made: the server would never look into it."""
        for make in (lambda: None, self.state.mkdir, (self.state / "assa.sqlite3").touch):
            make()
            before = list(self.state.glob("*"))
            with self.assertRaises(CommandError) as caught:
                _require_database(load(None, os.environ))
            self.assertIn(
                f"storage.url: {self.state / 'assa.sqlite3'}: no database there", str(caught.exception)
            )
            self.assertIn("give --config and the environment of the server", str(caught.exception))
            self.assertEqual(list(self.state.glob("*")), before)


class CommandLineTests(CommandCase):
    def test_version(self) -> None:
        """The version is that of the package."""
        self.assertEqual(self.run_command("--version"), (0, f"assa {__version__}\n", ""))

    def test_help(self) -> None:
        """Each command explains itself, with an example and what its status means."""
        for command in ("chat", "token", "announce", "migrate", "user", "check-config"):
            status, out, _ = self.run_command(command, "--help")
            self.assertEqual(status, 0)
            self.assertIn("example", out, command)
            self.assertIn("exit status", out, command)

    def test_wrong_server(self) -> None:
        """What cannot be the place of a server is told in one line, and is the user's mistake."""
        self.assertEqual(self.run_command("chat", "--port", "0")[0], 2)
        for wrong in (["--endpoint", "tcq:1"], ["--endpoint", ""], ["--host", "a..b", "--tls"]):
            arguments = make_parser().parse_args(["chat", *wrong])
            if wrong[1]:
                self.assertRaises(CommandError, place_of, arguments, reactor)
            else:
                self.assertEqual(place_of(arguments, reactor).name, "127.0.0.1:12345")

    def test_where_the_server_is(self) -> None:
        """Host and port win over the configuration, which says where this machine's server listens."""
        os.environ["ASSA_SERVER__LISTEN"] = "tcp:4000"
        for arguments, name in (
            ([], "127.0.0.1:4000"),
            (["--port", "5000"], "127.0.0.1:5000"),
            (["--host", "chat.example.org"], "chat.example.org:12345"),
            (["--host", "chat.example.org", "--tls", "--port", "443"], "chat.example.org:443"),
            (["--endpoint", "unix:/run/assa.sock"], "unix:/run/assa.sock"),
        ):
            place = place_of(make_parser().parse_args(["chat", *arguments]), reactor)
            self.assertEqual(place.name, name)

    def test_tls(self) -> None:
        """Who goes to another machine does so with TLS, unless he says otherwise."""
        os.environ["ASSA_SERVER__LISTEN"] = "tcp:4000:interface=192.0.2.7"
        secured = type(tls_endpoint(reactor, "chat.example.org", 1))
        for arguments, expected in (
            ("--host chat.example.org", True),
            ("--host chat.example.org --no-tls", False),
            ("--host localhost", False),
            ("--host localhost --tls", True),
            ("--port 4000", False),
            ("--port 4000 --tls", True),
            ("", False),  # as the server itself says
            ("--tls", True),
            ("--no-tls", False),
        ):
            place = place_of(make_parser().parse_args(["chat", *arguments.split()]), reactor)
            self.assertIs(isinstance(place.endpoint, secured), expected, arguments)

    def test_listening(self) -> None:
        """The first endpoint that a client can reach directly counts, and whether it speaks TLS."""
        for endpoints, expected in (
            ('["tcp:4000:interface=192.0.2.7"]', ("192.0.2.7", 4000, False)),
            ('["unix:/x", "tcp6:port=4000"]', ("::1", 4000, False)),
            ('["tcp:4000:interface=0.0.0.0"]', ("127.0.0.1", 4000, False)),
            (r'["tcp6:4000:interface=2001\\:db8\\:\\:1"]', ("2001:db8::1", 4000, False)),
            ('["ssl:4443:privateKey=k.pem:certKey=c.pem"]', ("localhost", 4443, True)),
            ('["ssl:privateKey=k.pem:port=4443:interface=192.0.2.7"]', ("192.0.2.7", 4443, True)),
            ('["tcp:4000:interface=127.0.0.1", "ssl:4443"]', ("127.0.0.1", 4000, False)),
        ):
            os.environ["ASSA_SERVER__LISTEN"] = endpoints
            found = listens(load(None, os.environ))
            self.assertEqual((found.host, found.port, found.tls), expected)
        self.assertEqual(listens(load(None, os.environ), tls=True).port, 4443)

    def test_not_listening(self) -> None:
        """Where the configuration does not tell, nothing is dialed: the token could go to anybody."""
        for endpoint in ("systemd:domain=INET:index=0", "haproxy:tcp:4000", "unix:/run/x"):
            os.environ["ASSA_SERVER__LISTEN"] = endpoint
            for command in (["chat"], ["announce", "--title", "a", "--message", "b"]):
                arguments = make_parser().parse_args(command)
                wrong = self.assertRaises(CommandError, place_of, arguments, reactor)
                self.assertIn("--host and --port", str(wrong))
            name = place_of(make_parser().parse_args(["chat", "--port", "4000"]), reactor).name
            self.assertEqual(name, "127.0.0.1:4000")


class WordsTests(SynchronousTestCase):
    def test_languages_agree(self) -> None:
        """Each language says everything, out of the same fields."""

        def fields(words: dict[str, str]) -> dict[str, set[str | None]]:
            return {
                key: {name for _, name, _, _ in string.Formatter().parse(text)} for key, text in words.items()
            }

        english, korean = fields(LANGUAGES["en"]), fields(LANGUAGES["ko"])
        self.assertEqual(english.keys(), korean.keys())
        for key, names in korean.items():
            self.assertLessEqual(names - {None}, english[key] - {None}, key)

    def test_every_command_is_explained(self) -> None:
        """In both languages."""
        for command in COMMANDS.values():
            self.assertEqual(command.help.keys(), LANGUAGES.keys())

    def test_harmless(self) -> None:
        """What others send cannot steer the terminal, forge a line or turn the text round."""
        self.assertEqual(harmless("a\x1b[2Jb\nc\td\r\x9b\u202e"), "a\ufffd[2Jb ⏎ c d\ufffd\ufffd")

    def test_language(self) -> None:
        """Of the locale's variables the first that is set counts."""
        for environ, language in (
            ({"LANG": "ko_KR.UTF-8"}, "ko"),
            ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
            ({"LC_ALL": "", "LC_MESSAGES": "ko_KR"}, "ko"),
            ({}, "en"),
        ):
            self.assertEqual(language_of(environ), language)


class NarratorTests(SynchronousTestCase):
    def test_events(self) -> None:
        """Each event is one line that names who and where."""
        narrator = Narrator(Words("en"))
        jun = {"user_id": 2, "nickname": "jun"}
        media = {"audio_enabled": False, "video_enabled": True}
        room = {"name": "방", "description": "", "participants_count": 3}
        author = jun | {"profile_image": None}
        for action, data, line in (
            (
                "USER_LEFT",
                {"room_id": 3, "user": jun | {"role": "member"}, "participants_count": 1},
                "[3] jun left (members: 1)",
            ),
            ("HOST_CHANGED", {"room_id": 3, "host_user_id": 2, "nickname": "jun"}, "[3] jun is the host now"),
            (
                "MESSAGE_RECEIVED",
                {"room_id": 3, "user_id": 2, "message_ids": [4, 5]},
                "[3] jun received #4, #5",
            ),
            (
                "INVITATION_RECEIVED",
                {"room_id": 3, "room_info": room, "inviter": author},
                "jun invites you to [3] 방 (members: 3): /join 3",
            ),
            ("TOKEN_EXPIRING", {"expires_at": "soon"}, "expires at soon:"),
            ("PARTICIPANT_LEFT", {"video_room_id": 7, "reason": "exit"} | jun, "(call 7) jun left (exit)"),
            ("PARTICIPANT_MEDIA_STATUS", {"video_room_id": 7} | jun | media, "microphone off, camera on"),
            (
                "VIDEO_HOST_CHANGED",
                {"video_room_id": 7, "host_user_id": 9},
                "(call 7) 사용자9 is the host now",
            ),
            ("VIDEO_ROOM_CLOSED", {"video_room_id": 7, "chat_room_id": 3}, "[3] the call 7 is over"),
            (
                "SDP",
                {"video_room_id": 7, "sender_user_id": 2, "sdp_type": "offer", "sdp_data": "v=0"},
                "(call 7) offer from jun, 3 bytes",
            ),
            (
                "ICE_CANDIDATE",
                {
                    "video_room_id": 7,
                    "sender_user_id": 2,
                    "candidate": "c",
                    "sdp_mid": None,
                    "sdp_mline_index": None,
                },
                "from jun: c",
            ),
            ("TYPING", {"room_id": 3}, '* TYPING {"room_id":3}'),
        ):
            self.assertIn(line, narrator.event(forms.event(action, data)))
        error = Rejected("SLOW_CONSUMER", "수신이")
        self.assertEqual(narrator.event(ServerError(error=error)), "! SLOW_CONSUMER: 수신이")

    def test_image(self) -> None:
        """An image is its name and size; the file's name is as harmless as the rest."""
        file = {"file_name": "a\x1b.jpg", "file_size": 10}
        data = {"message_id": 4, "room_id": 3, "content": "", "user": {"user_id": 2}, "file_info": file}
        self.assertEqual(
            Narrator(Words("en")).message(data), "[3] 사용자2: <image a\ufffd.jpg, 10 bytes> (#4)"
        )


class Person:
    """Somebody who chats: what he types, and what he sees."""

    def __init__(
        self, world: World, user_id: int, nickname: str, *, strict: bool = False, **token: Any
    ) -> None:
        self.world = world
        self.road = Road(world)
        self.seen: list[str] = []
        self.prompts: list[str] = []
        self.conversation = Conversation(
            self.road, world.clock, self, Words("en"), strict=strict, random=lambda: 0.0
        )
        self.conversation.introduce(user_id, nickname)
        jwt = world.token(user_id, nickname=nickname, **token)
        self.ended = Deferred.fromCoroutine(self._chat(lambda: jwt))
        world.turn()

    async def _chat(self, token: Any) -> int:
        await self.conversation.client.connect(token)
        return await self.conversation.run()

    def show(self, line: str) -> None:
        """See a line."""
        self.seen.append(line)

    def prompt(self, text: str) -> None:
        """See the prompt."""
        self.prompts.append(text)

    def types(self, *lines: str) -> list[str]:
        """Type lines and return what is seen then."""
        self.seen.clear()
        for line in lines:
            self.conversation.entered(line)
        self.world.turn(60)
        return self.sees()

    def sees(self) -> list[str]:
        """Return what is seen, and forget it; receipts have their time."""
        self.world.pass_time(0.5)
        seen, self.seen = self.seen, []
        return seen


class ConversationTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Prepare what the tests begin with."""
        self.world = World()
        self.mina = Person(self.world, 1, "mina")
        self.jun = Person(self.world, 2, "jun")

    def together(self) -> None:
        """Put both into room 1."""
        self.mina.types("/open 방")
        self.jun.types("/join 1")
        self.mina.seen.clear()

    def test_first_steps(self) -> None:
        """A newcomer is told what to do."""
        self.assertIn("Connected as user 1 (mina). ", self.mina.sees()[0])
        self.assertIn("! In which room?", self.mina.types("hello")[0])
        self.assertEqual(self.mina.prompts[-1], "> ")

    def test_chat(self) -> None:
        """Two people talk; what is shown is confirmed by itself."""
        self.assertIn("open to anybody: /join 1", self.mina.types("/open 방")[0])
        self.assertEqual(self.mina.prompts[-1], "[1] 방> ")
        self.assertEqual(self.jun.types("/join 1"), ["Joined [1] 방, with mina, jun."])
        self.assertEqual(self.mina.sees(), ["[1] jun joined (members: 2)"])
        sent, received = self.mina.types("안녕\x1b[2J")
        self.assertRegex(sent, r"^\[1\] mina: 안녕\ufffd\[2J \(#\d+\)$")
        self.assertRegex(received, r"^\[1\] jun received #\d+$")
        self.assertEqual(self.jun.sees(), [sent])
        number = sent.partition("#")[2].rstrip(")")
        self.assertIn(f"reply to #{number}", self.jun.types(f"/reply {number} 네")[0])
        self.assertEqual(self.mina.types("//slash")[-2][:15], "[1] mina: /slas")

    def test_receipts_off(self) -> None:
        """Receipts of others may be too much."""
        self.together()
        self.assertEqual(self.mina.types("/receipts off"), ["Receipts of others are off."])
        self.assertEqual(len(self.mina.types("a")), 1)
        self.assertIn("! Like this: /receipts on|off", self.mina.types("/receipts x"))

    def test_other_room(self) -> None:
        """A message of another room than the one where one writes says so."""
        self.together()
        self.assertEqual(
            self.mina.types("/create 둘째", "/who")[1], "[2] 둘째: 1 of 50 members, by invitation. "
        )
        self.jun.types("a")
        self.assertIn("[1] jun: a", self.mina.sees()[0])

    def test_list(self) -> None:
        """The list shows the unread, and where one writes."""
        self.together()
        self.mina.types("/create 둘째")
        listed = self.mina.types("/rooms")
        self.assertIn("  [2] 둘째 (members: 1, unread: 0) <- you write here", listed)
        self.assertEqual(self.mina.types("/room 1"), ["You write in [1] 방 now."])
        self.assertEqual(self.mina.types("/leave 2"), ["Left [2]."])
        self.assertEqual(self.mina.types("/leave"), ["Left [1]."])
        self.assertIn("! In which room?", self.mina.types("/leave")[0])
        self.assertIn("You are in no room", self.mina.types("/rooms")[0])
        self.assertIn("[1] mina left (members: 1)", self.jun.sees())

    def test_room_of_others(self) -> None:
        """Going to an open room joins it."""
        self.mina.types("/open 방")
        self.assertEqual(self.jun.types("/room 1"), ["Joined [1] 방, with mina, jun."])

    def test_invitation(self) -> None:
        """The invited are told how to join, those who are away when they come."""
        self.mina.types("/create 둘만")
        self.assertEqual(
            self.mina.types("/invite 2, 3"), ["  jun (user 2): invited", "  사용자3 (user 3): offline"]
        )
        line = "mina invites you to [1] 둘만 (members: 1): /join 1"
        self.assertIn(line, self.jun.sees())
        sol = Person(self.world, 3, "sol")
        self.assertIn(line, sol.sees())
        self.assertEqual(sol.types("/join #1"), ["Joined [1] 둘만, with mina, sol."])

    def test_unread(self) -> None:
        """What was said meanwhile is shown by /read, once."""
        self.together()
        self.jun.types("/quit")
        for number in range(3):
            self.mina.types(f"m{number}")
        later = Person(self.world, 2, "jun")
        self.assertIn("unread: 3", " ".join(later.sees()))
        shown = later.types("/read")
        self.assertEqual([line.split(": ")[1][:2] for line in shown], ["m0", "m1", "m2"])
        self.assertEqual(later.types("/read"), ["Nothing unread."])

    def test_history(self) -> None:
        """History comes in pages, oldest first."""
        self.together()
        self.assertEqual(self.mina.types("/history"), ["No messages."])
        for number in range(3):
            self.jun.types(f"m{number}")
        self.mina.seen.clear()
        first, second, more = self.mina.types("/history 2")
        self.assertIn("m1", first)
        self.assertIn("m2", second)
        before = more.split()[2].rstrip(")")
        self.assertIn("m0", self.mina.types(f"/history 2 {before}")[0])
        for count in ("0", "101"):
            self.assertEqual(self.mina.types(f"/history {count}"), ["! COUNT is 1 to 100."])

    def test_recent_messages(self) -> None:
        """Who joins sees what was said last."""
        self.mina.types("/open 방", "hello")
        self.assertRegex(self.jun.types("/join 1")[0], r"^\d\d-\d\d \d\d:\d\d \[1\] mina: hello \(#\d+\)$")

    def test_image(self) -> None:
        """A picture is told of by its name, size and type."""
        self.together()
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "my photo.JPG")
            path.write_bytes(b"12345")
            self.assertIn("<image my photo.JPG, 5 bytes>", self.mina.types(f"/image '{path}'")[0])
        self.assertIn("<image my photo.JPG, 5 bytes>", self.jun.sees()[0])
        self.assertIn("No such file", self.mina.types("/image /nowhere.png")[0])
        self.assertIn("! Like this: /image", self.mina.types("/image 'a")[0])

    def test_call(self) -> None:
        """A call is signalled; a terminal has no camera."""
        self.together()
        self.assertIn("In call 1 with mina", self.mina.types("/call")[0])
        self.assertIn("[1] mina started the call 1 (방): /call 1", self.jun.sees())
        self.assertIn("In call 1 with mina, jun", self.jun.types("/call 1")[0])
        self.assertIn("(call 1) jun joined", self.mina.sees())
        self.jun.types("/mute", "/unmute")
        self.assertEqual(
            self.mina.sees(),
            ["(call 1) jun: microphone off, camera on", "(call 1) jun: microphone on, camera on"],
        )
        self.assertEqual(self.jun.types("/hangup"), ["Left the call 1."])
        self.assertIn("(call 1) jun left (exit)", self.mina.sees())
        self.assertIn("! You are in no call", self.jun.types("/hangup")[0])
        self.mina.types("/hangup")
        self.assertIn("[1] the call 1 is over", self.jun.sees())

    def test_call_of_the_room(self) -> None:
        """/call alone joins the call of the room that was heard of; who is in one has to leave it first."""
        self.together()
        self.mina.types("/call")
        self.assertIn("In call 1 with mina, jun", self.jun.types("/call")[0])
        self.assertEqual(self.jun.types("/call"), ["! You are in call 1: /hangup first."])
        self.assertEqual(self.jun.types("/call 7"), ["! You are in call 1: /hangup first."])
        self.jun.types("/hangup")
        self.mina.types("/hangup")
        self.assertIn("In call 2 with jun", self.jun.types("/call")[-1])

    def test_call_that_was_not_heard_to_end(self) -> None:
        """A call that cannot be joined is forgotten."""
        self.together()
        self.jun.conversation._talk.open_calls[7] = 1
        self.assertIn("! VIDEO_ROOM_NOT_FOUND", self.jun.types("/call")[0])
        self.assertIn("In call 1 with jun", self.jun.types("/call")[0])

    def test_call_that_ends(self) -> None:
        """A call that is over is no longer one's own."""
        self.together()
        self.mina.types("/call", '/raw EXIT_VIDEO_ROOM {"video_room_id": 1}')
        self.assertIn("! You are in no call", self.mina.types("/mute")[0])

    def test_raw(self) -> None:
        """Any action can be tried; one without an answer does not wait for it."""
        self.together()
        self.assertIn('"name":"방"', self.mina.types('/raw room_info {"room_id": 1, "action": 2}')[0])
        self.assertEqual(self.mina.types("/raw PING"), ["PING: {}"])
        told, refused = self.mina.types("/raw SDP {}")
        self.assertEqual(told, "SDP: sent; it has no answer")
        self.assertIn("! INVALID_MESSAGE", refused)
        for wrong in ("/raw", "/raw X {", "/raw X []"):
            self.assertIn("! Like this: /raw ACTION {JSON}", self.mina.types(wrong))

    def test_mistakes(self) -> None:
        """A mistake is one line, and the conversation goes on."""
        for typed, line in (
            ("/nonsense", "! There is no /nonsense"),
            ("/join x", "! Like this: /join ID"),
            ("/join 99999999999999999999", "! Like this: /join ID"),
            ("/create", "! Like this: /create NAME"),
            ("/join 99", "! ROOM_NOT_FOUND: 채팅방을 찾을 수 없습니다"),
        ):
            self.assertIn(line, self.mina.types(typed)[0])
        self.mina.conversation.overlong()
        self.assertIn("too long", self.mina.sees()[0])

    def test_help(self) -> None:
        """/help lists every command."""
        listed = self.mina.types("/help")
        self.assertEqual(len(listed), len(COMMANDS))
        self.assertIn("/invite USER_ID...", " ".join(listed))

    def test_announcement(self) -> None:
        """An announcement stands out."""
        operator = Person(self.world, 9, "op", scope="admin")
        operator.types('/raw SERVER_ANNOUNCEMENT {"title": "점검", "message": "곧", "priority": "high"}')
        self.assertIn("*** 점검: 곧 (high, notice)", self.mina.sees())

    def test_connection_lost(self) -> None:
        """What is typed meanwhile goes out when the connection is back; nothing is missed."""
        self.together()
        self.mina.road.cut()
        (lost,) = self.mina.sees()
        self.assertIn("! Connection lost (Connection to the other side was lost", lost)
        self.assertIn("Trying again in 1 s (1 of 3).", lost)
        self.mina.conversation.entered("while away")
        self.jun.conversation.entered("hello?")
        seen = self.mina.sees()
        self.assertEqual(seen[0], "Connected again; 1 missed event follows.")
        self.assertIn("[1] jun: hello?", seen[1])
        self.assertIn("[1] mina: while away", seen[2])

    def test_commands_while_away(self) -> None:
        """Other commands fail at once, /quit ends at once."""
        self.together()
        self.mina.road.closed = True
        self.mina.road.cut()
        self.assertIn("! Not connected", self.mina.types("/who")[-1])
        self.mina.types("text that waits", "/quit")
        self.assertEqual(self.successResultOf(self.mina.ended), 0)

    def test_connection_lost_for_good(self) -> None:
        """The program ends with status 1."""
        self.together()
        self.mina.road.closed = True
        self.mina.road.cut()
        for line in ("waits", "waits too"):
            self.mina.conversation.entered(line)
        self.world.pass_time(8)
        first, second, third, unsent, last = self.mina.sees()
        self.assertIn("! Connection lost (", first)
        self.assertIn("! Still no server (", second)
        self.assertIn("! Still no server (", third)
        self.assertEqual(unsent, "! Not sent (lines): 2")
        self.assertIn("! Connection lost for good", last)
        self.assertIn("start it again with the same command", last)
        self.assertEqual(self.successResultOf(self.mina.ended), 1)

    def test_token(self) -> None:
        """The token is renewed without a word."""
        self.world.pass_time(3_570, step=10)
        self.assertNotIn("expires", " ".join(self.mina.seen))

    def test_no_answer(self) -> None:
        """A server that does not answer is told of after 10 s."""
        self.mina.road.swallow()
        self.mina.types("/rooms")
        self.world.pass_time(10.5)
        self.assertIn("! No answer: no answer to LIST_ROOMS within 10 s", self.mina.sees())

    def test_end_of_input(self) -> None:
        """What was typed before the end is carried out; the receipts too."""
        self.together()
        self.jun.conversation.entered("bye")
        self.jun.conversation.ended()
        self.world.pass_time(1)
        self.assertEqual(self.successResultOf(self.jun.ended), 0)
        self.assertIn("[1] jun: bye", self.mina.sees()[0])
        self.assertEqual(self.world.query("SELECT count(*) FROM sessions"), [(1,)])

    def test_script_that_fails(self) -> None:
        """The status of a script says that something failed; a person's does not."""
        for strict, status in ((True, 1), (False, 0)):
            person = Person(self.world, 5, "sol", strict=strict)
            person.types("/join 99", "/quit")
            self.assertEqual(self.successResultOf(person.ended), status)

    def test_defect(self) -> None:
        """A defect ends the program instead of being hidden."""
        self.mina.conversation._talk.narrator = None  # type: ignore[assignment]
        self.mina.types("/open 방")
        self.failureResultOf(self.mina.ended, AttributeError)


class HurryTests(SynchronousTestCase):
    def test_too_fast(self) -> None:
        """What the server refuses for its rate is sent again, once and in order."""
        world = World(rate_limits=RateLimits(**{**_fields(UNLIMITED), "messages": 0.5, "messages_burst": 1}))
        mina = Person(world, 1, "mina")
        mina.types("/open 방", "a", "b", "c")
        world.pass_time(10)
        texts = [row[0] for row in world.query("SELECT content FROM messages ORDER BY message_id")]
        self.assertEqual(texts, ["a", "b", "c"])
        self.assertIn("! Too fast: sent again in 2 s.", mina.sees())

    def test_receipts_that_cannot_be_sent(self) -> None:
        """They go with the next ones."""
        world = World()
        mina, jun = Person(world, 1, "mina"), Person(world, 2, "jun")
        mina.types("/open 방")
        jun.types("/join 1")
        mina.conversation.entered("a")
        world.turn(60)
        self.assertIn("[1] mina: a", jun.seen[-1])
        jun.road.cut()
        mina.sees()
        mina.types("b")
        world.pass_time(2)
        self.assertRegex(" ".join(mina.sees()), r"\[1\] jun received #\d+, #\d+")

    def test_missed_too_much(self) -> None:
        """Where not all can be replayed, messages come all the same, and the user is told about the rest."""
        world = World(limits={"replay_events": 1})
        mina, jun = Person(world, 1, "mina"), Person(world, 2, "jun")
        mina.types("/open 방")
        jun.types("/join 1")
        jun.road.closed = True
        jun.road.cut()
        mina.types("a", "b", "c")
        jun.road.closed = False
        jun.seen.clear()
        world.pass_time(2)
        notice, *texts = jun.sees()
        self.assertIn("Connected again. Missed messages follow", notice)
        self.assertEqual([text.partition(" (")[0] for text in texts], [f"[1] mina: {one}" for one in "abc"])

    def test_deactivated(self) -> None:
        """Who is deactivated is told when the connection comes back."""
        world = World()
        mina = Person(world, 1, "mina")
        world.store.run(users.set_active, 1, active=False, now_ms=0)
        mina.road.cut()
        world.pass_time(2)
        self.assertIn("AUTH_FAILED", mina.sees()[-1])
        self.assertEqual(self.successResultOf(mina.ended), 1)


def _fields(limits: RateLimits) -> dict[str, Any]:
    return attrs.asdict(limits)


class EditorTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Prepare what the tests begin with."""
        self.editor = LineEditor(lambda: 20)

    def typed(self, keys: str) -> list[str]:
        """Type keys and Enter."""
        return list(self.editor.type(f"{keys}\r".encode()))

    def test_lines(self) -> None:
        """Enter ends a line; so do several in one chunk; characters may come in pieces."""
        self.assertEqual(list(self.editor.type(b"a\nb\rc")), ["a", "b"])
        pieces = "안녕\r".encode()
        self.assertEqual([line for one in pieces for line in self.editor.type(bytes([one]))], ["c안녕"])

    def test_keys(self) -> None:
        """The usual keys do the usual things."""
        left, right, home, end, delete = "\x1b[D", "\x1b[C", "\x1b[H", "\x1b[F", "\x1b[3~"
        for keys, line in (
            (f"ac{left}b", "abc"),
            (f"bc{home}a{end}d", "abcd"),
            (f"\x01x{right}", "x"),
            ("안녕\x7f\x7f\x7fa", "a"),
            (f"abc{left}{left}{delete}", "ac"),
            (f"abc{left}\x15", "c"),
            (f"abc{left}\x0b", "ab"),
            ("one two  \x17three", "one three"),
            ("a\x00\x1bb\x1bOHc", "ca"),
            ("a\x1b[99;99Xb", "ab"),
            ("ab\x02\x02\x02x\x05\x06y", "xaby"),
        ):
            self.assertEqual(self.typed(keys), [line], repr(keys))

    def test_history(self) -> None:
        """Up and down go through what was typed before."""
        for line in ("first", "second", "second"):
            self.typed(line)
        self.assertEqual(self.typed("\x1b[A\x1b[A"), ["first"])
        self.assertEqual(self.typed("\x1b[A\x1b[A\x1b[B"), ["first"])
        self.assertEqual(self.typed("\x10\x10\x10\x10\x10\x0e\x0e\x0e\x0e"), [""])

    def test_unfinished_sequence(self) -> None:
        """The pieces of a key's sequence may come one by one; an endless one is no key."""
        self.assertEqual(list(self.editor.type(b"a\x1b")), [])
        self.assertEqual(list(self.editor.type(b"[")), [])
        self.assertEqual(list(self.editor.type(b"Hb\r")), ["ba"])
        self.assertEqual(len(list(self.editor.type(b"\x1b[" + b"1" * 40 + b"\r"))), 1)

    def test_place(self) -> None:
        """Wide characters take two columns, do not fit into the last one, and combining ones take none."""
        for text, expected in (
            ("", (0, 0)),
            ("abc", (0, 3)),
            ("abcd", (1, 0)),
            ("abc안", (1, 2)),
            ("ae\u0301\u200d", (0, 2)),
        ):
            self.assertEqual(place(text, 4), expected, text)

    def test_pictures(self) -> None:
        """Erasing goes back to the first row that was drawn; drawing leaves the cursor at its place."""
        self.editor.prompt = "> "
        self.assertEqual(self.editor.draw(), "> \r\x1b[2C")
        self.assertEqual(self.editor.erase(), "\r\x1b[J")
        list(self.editor.type(b"x" * 18))
        self.assertEqual(self.editor.draw(), f"> {'x' * 18}\r\n\r")
        self.assertEqual(self.editor.erase(), "\r\x1b[1A\x1b[J")
        list(self.editor.type(b"\x01"))
        self.assertEqual(self.editor.draw(), f"> {'x' * 18}\r\n\x1b[1A\r\x1b[2C")


class Listener:
    """Takes note of what was typed."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def entered(self, line: str) -> None:
        """Take a line."""
        self.lines.append(line)

    def overlong(self) -> None:
        """Take note of one that was too long."""
        self.lines.append("(too long)")

    def ended(self) -> None:
        """Take note of the end."""
        self.lines.append("(end)")


class ScreenTests(SynchronousTestCase):
    def opened(self, screen: PipeScreen) -> StringTransport:
        """Connect a screen."""
        transport = StringTransport()
        screen.listener = self.listener = Listener()
        screen.makeConnection(transport)
        return transport

    def test_pipe(self) -> None:
        """Lines come and go as they are; the last one may lack its end; broken UTF-8 is replaced."""
        screen = PipeScreen()
        transport = self.opened(screen)
        screen.show("안녕")
        screen.prompt("> ")
        self.assertEqual(transport.value().decode(), "안녕\n")
        screen.dataReceived(b"a\n\n" + b"x" * 1_100_000 + b"\n\xff\nlast")
        screen.readConnectionLost()
        self.assertEqual(self.listener.lines, ["a", "(too long)", "\ufffd", "last", "(end)"])

    def test_reader_gone(self) -> None:
        """When nobody reads any more, it is over."""
        screen = PipeScreen()
        transport = self.opened(screen)
        screen.writeConnectionLost()
        screen.show("a")
        self.assertEqual((transport.value(), self.listener.lines), (b"", ["(end)"]))
        self.successResultOf(Deferred.fromCoroutine(screen.close(World().clock)))

    def test_close(self) -> None:
        """What waits is written, for 2 s at most."""
        for answers in (True, False):
            world, screen = World(), PipeScreen()
            transport = self.opened(screen)
            closing = Deferred.fromCoroutine(screen.close(world.clock))
            self.assertTrue(transport.disconnecting)
            if answers:
                screen.connectionLost()
            else:
                self.assertNoResult(closing)
                world.pass_time(2.5)
            self.successResultOf(closing)

    def test_terminal(self) -> None:
        """What arrives appears above the line that is being typed."""
        screen = TerminalScreen(LineEditor(lambda: 80))
        transport = self.opened(screen)
        screen.prompt("> ")
        screen.dataReceived(b"half")
        transport.clear()
        screen.show("news")
        self.assertEqual(transport.value(), b"\r\x1b[Jnews\r\n> half\r\x1b[6C")
        screen.dataReceived(b" a line\r \r\x04")
        self.assertEqual(self.listener.lines, ["half a line", "(end)"])
        Deferred.fromCoroutine(screen.close(World().clock))

    def test_closed_streams(self) -> None:
        """Without standard input there is no chat, and no traceback."""
        self.patch(sys, "stdin", None)
        self.assertRaises(CommandError, StandardStreams, {})
