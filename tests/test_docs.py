"""The documents say what the code does, and what they tell people to type works."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
from twisted.logger import capturedLogs
from twisted.trial.unittest import SkipTest, SynchronousTestCase
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from assa.actions import ALL
from assa.auth import Key, mint
from assa.config import load
from assa.errors import MESSAGES, Code
from assa.framing import Broken
from assa.http.uploads import _EACH as UPLOADS_EACH
from assa.http.uploads import _TOTAL as UPLOADS_TOTAL
from assa.http.websocket import _CLOSE_CODES as CLOSE_CODES
from assa.http.websocket import SUBPROTOCOL
from assa.limits import Limits
from assa.logs import json_line
from assa.protocol import EVENTS, answer_of
from assa.schema import structure, unstructure
from assa.settings import Config
from assa.visits import Visits
from assa.wire import envelope
from tests.filing import JPEG
from tests.integration.plain import token
from tests.integration.server import LOOPBACK, ROOT, TWISTD, Server, environment, free_port, running
from tests.javascript import node
from tests.operators import Operator
from tests.postgres import require_postgres, shared_server
from tests.world import World

try:
    from docutils.core import publish_doctree
except ImportError:
    publish_doctree = None

DOCS = ROOT / "docs"
EXAMPLES = DOCS / "examples"
PAIRS = tuple(
    (DOCS / f"{name}.rst", DOCS / f"{name}.ko.rst") for name in ("protocol", "operations", "embedding", "web")
)
PROTOCOL, OPERATIONS = PAIRS[:2]
EVERYTHING = (
    ROOT / "README.rst",
    ROOT / "CONTRIBUTING.rst",
    DOCS / "architecture.rst",
    *(one for pair in PAIRS for one in pair),
)
TIMEOUT_S = 20
PUBLIC_URL = "https://chat.example.org"


# --- Reading reStructuredText, as far as our documents need it ---


def text_of(path: Path) -> str:
    """Return a document."""
    return path.read_text("utf-8")


def titles(path: Path) -> list[tuple[str, str]]:
    """Return the sections: the character of the underline, and the title."""
    lines = text_of(path).splitlines()
    return [
        (line[0], title)
        for title, line in pairwise(lines)
        if re.fullmatch(r"([=~-])\1+", line) and title and not title.startswith(("=", "-", " "))
    ]


def section(path: Path, name: str) -> str:
    """Return the text of the section with that title, up to the next one of any level."""
    pattern = rf"^{name}\n([=~-])\1+\n(.*?)(?=^[^\n]+\n([=~-])\3{{2,}}$|\Z)"
    found = re.search(pattern, text_of(path), re.MULTILINE | re.DOTALL)
    assert found, f"{path.name} has no section {name}"
    return found[2]


def blocks(path: Path, language: str | None = None) -> list[str]:
    """Return the literal blocks, dedented: of one language, or those after ``::`` (empty), or all (None)."""
    found = []
    opening: str | None = None
    taken: list[str] = []
    for line in [*text_of(path).splitlines(), "end"]:
        if opening is not None and (not line.strip() or line.startswith(" ")):
            taken.append(line)
            continue
        if opening is not None and language in (None, opening):
            found.append(textwrap.dedent("\n".join(taken)).strip("\n"))
        directive = re.fullmatch(r"\.\. code-block:: (\w+)", line)
        plain = line.endswith("::") and not line.startswith("..")
        opening, taken = directive[1] if directive else "" if plain else None, []
    return found


def examples(path: Path) -> list[dict[str, Any]]:
    """Return the JSON of a document."""
    return [json.loads(block) for block in blocks(path, "json")]


def events() -> dict[str, type[Any]]:
    """Return every event of the code by its name on the wire."""
    return {one.action: one for one in EVENTS}


class FormTests(SynchronousTestCase):
    def test_no_warnings(self) -> None:
        """Each document is reStructuredText without a single complaint of docutils."""
        if publish_doctree is None:
            raise SkipTest("docutils is not installed: nobody has looked at the form of the documents")
        for path in (*EVERYTHING, ROOT / "CHANGELOG.rst"):
            stream = _Complaints()
            publish_doctree(
                text_of(path),
                source_path=path.name,
                settings_overrides={
                    "report_level": 1,
                    "halt_level": 5,
                    "warning_stream": stream,
                    "syntax_highlight": "none",
                },
            )
            self.assertEqual(stream.heard, [], path.name)

    def test_links(self) -> None:
        """What a document links to exists."""
        for path in EVERYTHING:
            for target in re.findall(r"<([^<>\s:]+)>`__?|^\.\. image:: (\S+)$", text_of(path), re.MULTILINE):
                there = path.parent / "".join(target)
                self.assertTrue(there.exists(), f"{path.name}: {there}")

    def test_tests_that_prove(self) -> None:
        """The tests that the architecture names exist."""
        named = re.findall(r"``(tests/[\w/]+(?:\.py|/))((?:::\w+)*)``", text_of(DOCS / "architecture.rst"))
        self.assertGreater(len(named), 8)
        for path, names in named:
            if path == "tests/test_typing.py":
                continue  # of the example
            self.assertTrue((ROOT / path).exists(), path)
            for name in filter(None, names.split("::")):
                self.assertRegex(text_of(ROOT / path), rf"(def|class) {name}\b")

    def test_modules(self) -> None:
        """README names every module of the package, and none that is not there."""
        table = section(ROOT / "README.rst", "Where things are")
        named = {one.removeprefix("assa/") for one in re.findall(r"``([\w/]+(?:\.py|/))``", table)}
        package = ROOT / "assa"
        there = {
            one.name + ("/" if one.is_dir() else "") for one in package.iterdir() if one.suffix in (".py", "")
        }
        there -= {"__init__.py", "__main__.py", "__pycache__/"}
        self.assertEqual(there - named, set())
        self.assertEqual({one for one in named - there if not (ROOT / one).is_dir()}, set())

    def test_settings(self) -> None:
        """A setting that a document names exists."""
        config = Config()
        pattern = r"``(server|storage|nodes|auth|limits|rate|calls|http|files)\.(?!py)(\w+)"
        for path in EVERYTHING:
            for name, key in re.findall(pattern, text_of(path)):
                module = ROOT / "assa" / name / f"{key}.py"
                known = module.exists() or hasattr(getattr(config, name), key)
                self.assertTrue(known, f"{path.name}: {name}.{key}")

    def test_toml(self) -> None:
        """Settings that a document shows are accepted."""
        for path in EVERYTHING:
            for block in blocks(path, "toml"):
                file = Path(self.mktemp())
                file.write_text(block)
                load(str(file), {"HOME": "/nowhere"})


class _Complaints:
    """What docutils writes its complaints to."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def write(self, text: str) -> None:
        """Note a complaint."""
        self.heard.append(text)


class LanguageTests(SynchronousTestCase):
    """English and Korean say the same."""

    def test_sections(self) -> None:
        """The same sections in the same order; names of actions are the same words."""
        for english, korean in PAIRS:
            there, here = titles(english), titles(korean)
            self.assertEqual([level for level, _ in there], [level for level, _ in here], english.name)
            for (_, one), (_, other) in zip(there, here, strict=True):
                if re.fullmatch(r"[A-Z_]{3,}", one):
                    self.assertEqual(one, other)

    def test_blocks(self) -> None:
        """The same JSON, the same commands, the same Python and TOML."""
        for english, korean in PAIRS:
            self.assertEqual(blocks(english), blocks(korean), english.name)
            self.assertGreater(len(blocks(english)), 3)

    def test_words(self) -> None:
        """The same words of the protocol, each as often: fields, codes, settings, numbers of the tables."""
        for english, korean in PAIRS:
            there, here = (sorted(re.findall(r"``([^`]+)``", text_of(one))) for one in (english, korean))
            self.assertEqual(set(there) ^ set(here), set(), english.name)

    def test_items(self) -> None:
        """The same number of list items and table cells."""
        for english, korean in PAIRS:
            for bullet in (r"^ *\* (?!- )", r"^   [* ] - ", r"^\d\. "):
                counts = [len(re.findall(bullet, text_of(one), re.MULTILINE)) for one in (english, korean)]
                self.assertEqual(counts[0], counts[1], f"{english.name}: {bullet}")


class ProtocolTests(SynchronousTestCase):
    """docs/protocol.rst and its Korean version against the classes of the code."""

    def test_actions(self) -> None:
        """Each action has a section, which names every field of its request."""
        for path in PROTOCOL:
            for name, action in ALL.names().items():
                told = section(path, name)
                fields = {field.name for field in attrs.fields(attrs.resolve_types(action.request))}
                missing = {one for one in fields if f"``{one}``" not in told} - {"reconnect_after_ms"}
                self.assertEqual(missing, set(), f"{path.name}: {name}")

    def test_events(self) -> None:
        """Each event has an example, and so has each answer."""
        for path in PROTOCOL:
            shown = {one["action"] for one in examples(path)}
            answers = {f"{name}_RESPONSE" for name, action in ALL.names().items() if action.answered}
            self.assertEqual((events().keys() | answers) - shown, set(), path.name)

    def test_codes(self) -> None:
        """Each error code is in the table, with its text."""
        for path in PROTOCOL:
            table = text_of(path)
            for code in Code:
                self.assertIn(f"   * - ``{code}``\n     - {MESSAGES[code]}\n", table, path.name)

    def test_limits(self) -> None:
        """Each limit of the code is named with its number."""
        elsewhere = {"event_retention_s", "empty_video_room_s", "shutdown_s", "failed_connects"}
        for path in PROTOCOL:
            for name, value in attrs.asdict(Limits()).items():
                if name not in elsewhere:
                    self.assertRegex(
                        text_of(path), rf"(?<![\d,]){int(value):,}(?![\d,])", f"{path.name}: {name}"
                    )

    def test_uploads_at_once(self) -> None:
        """How many uploads go on at once is told as it is."""
        for path, words in zip(PROTOCOL, ("run {} at a", "한꺼번에 {}개"), strict=True):
            self.assertIn(words.format(UPLOADS_EACH), text_of(path))
        for path, words in zip(
            OPERATIONS,
            (
                "At most {} uploads are on their way at once, {} of",
                "한꺼번에 {}개, 한 사용자의 것은 {}개까지",
            ),
            strict=True,
        ):
            self.assertIn(words.format(UPLOADS_TOTAL, UPLOADS_EACH), text_of(path))

    def test_requests(self) -> None:
        """Each request shown is one that the server accepts."""
        shown = [
            one for one in examples(PROTOCOL[0]) if one["action"] in ALL.names() and "success" not in one
        ]
        requests = [one for one in shown if one["action"] not in events()]
        self.assertGreater(len(requests), 2)
        for one in requests:
            action = ALL[envelope(one).action]
            assert action is not None
            request = structure(action.request, one["data"], "data")
            given = {name: value for name, value in unstructure(request).items() if name in one["data"]}
            self.assertEqual(given, one["data"])

    def test_answers(self) -> None:
        """Each answer shown has exactly the fields of its class, and the message of its action."""
        answers = [
            one for one in examples(PROTOCOL[0]) if one["action"].endswith("_RESPONSE") and one["success"]
        ]
        self.assertGreater(len(answers), 15)
        for one in answers:
            action = ALL[one["action"].removesuffix("_RESPONSE")]
            assert action is not None
            self.assertEqual(one.get("message"), action.success_text)
            self.assertEqual(list(one)[-2:], ["timestamp", "seq_id"])
            self.check_class(answer_of(action.request), one)

    def test_events_shown(self) -> None:
        """Each event shown has exactly the fields of its class; in the log it has a position."""
        shown = [one for one in examples(PROTOCOL[0]) if "success" not in one and one["action"] in events()]
        for one in shown:
            self.assertEqual(list(one), ["action", "data", "timestamp", "seq_id"], one["action"])
            self.check_class(events()[one["action"]], one)
            logged = one["action"] != "TOKEN_EXPIRING" and "reconnect_after_ms" not in one["data"]
            self.assertEqual(logged, re.fullmatch(r"e\d+", one["seq_id"]) is not None, one["action"])

    def check_class(self, cls: type[Any], shown: dict[str, Any]) -> None:
        """Compare the data of an example with a class: there and back again it is the same."""
        self.assertEqual(unstructure(structure(cls, shown["data"], "data")), shown["data"], shown["action"])

    def test_errors(self) -> None:
        """Each error shown has the text of its code."""
        errors = [one for one in examples(PROTOCOL[0]) if one.get("success") is False]
        self.assertEqual(len(errors), 2)
        for one in errors:
            self.assertEqual(one["message"], MESSAGES[Code(one["error_code"])])


class HttpTests(SynchronousTestCase):
    """What docs/protocol.rst says of HTTP, against a server."""

    def setUp(self) -> None:
        """Take what is shown, and log in to a server."""
        self.put, self.created, self.refused, self.get, self.link = blocks(PROTOCOL[0], "http")
        self.port = free_port()
        listen = [f"tcp:{self.port}:interface={LOOPBACK}"]
        self.server = self.enterContext(running(http__listen=listen))
        self.talker = self.enterContext(closing(Talker(self.server.address[1], token(1))))
        self.room_id = self.talker.ask("CREATE_ROOM", name="방", is_open=True)["room_id"]

    def requested(self, shown: str, path: str, body: bytes = b"") -> tuple[str, str]:
        """Make a request with the method and the headers that are shown; return status line and body."""
        first, *lines = shown.splitlines()
        method, example, version = first.split()
        self.assertEqual((Path(example).parts[:2], version), (Path(path).parts[:2], "HTTP/1.1"))
        real = {"Content-Length": str(len(body)), "Authorization": f"Bearer {token(1)}", "Host": LOOPBACK}
        headers = {name: real[name] for name in (line.split(":")[0] for line in lines)}
        with closing(HTTPConnection(LOOPBACK, self.port, timeout=TIMEOUT_S)) as connection:
            connection.request(method, path, body or None, headers)
            answer = connection.getresponse()
            return f"HTTP/1.1 {answer.status} {answer.reason}", answer.read().decode("latin-1")

    def check(self, shown: str, answer: tuple[str, str]) -> Any:
        """Compare an answer with the one that is shown; return its document."""
        head, _, body = shown.partition("\n\n")
        self.assertEqual(head.splitlines()[0], answer[0])
        document = json.loads(answer[1].encode("latin-1"))
        self.assertEqual(list(document), list(json.loads(body)))
        return document

    def uploaded(self, content: bytes) -> tuple[str, tuple[str, str]]:
        """Upload a content as told; return the path and the answer."""
        file = {"file_name": "photo.jpg", "file_size": len(content), "mime_type": "image/jpeg"}
        asked = self.talker.ask("REQUEST_UPLOAD", room_id=self.room_id, **file)
        return asked["file_path"], self.requested(self.put, asked["upload_url"], content)

    def test_upload(self) -> None:
        """PUT, GET and a link are as they are shown."""
        content = JPEG
        path, answer = self.uploaded(content)
        self.assertEqual(self.check(self.created, answer)["file_path"], path)
        self.assertEqual(self.requested(self.get, path), ("HTTP/1.1 200 OK", content.decode("latin-1")))
        asking = self.get.replace("GET", "POST")
        link = self.check(self.link, self.requested(asking, path))
        anonymous = self.get.rpartition("\n")[0]
        self.assertEqual(self.requested(anonymous, link["url"])[1], content.decode("latin-1"))

    def test_refused(self) -> None:
        """What is no picture is refused in the words that are shown."""
        _, answer = self.uploaded(b"no picture")
        self.assertEqual(self.check(self.refused, answer), json.loads(self.refused.partition("\n\n")[2]))

    def test_backup(self) -> None:
        """A file is there again after the database and the directory were backed up, lost and restored."""
        path, _ = self.uploaded(JPEG)
        state, kept = self.server.state, Path(self.server.directory, "backup")
        kept.mkdir()
        [block] = [one for one in blocks(OPERATIONS[0], "") if "cp -a" in one]
        query, copy = (
            block.replace("/var/lib/assa/", f"{state}/").replace("/var/backups/", f"{kept}/").splitlines()
        )
        with closing(sqlite3.connect(state / "assa.sqlite3", isolation_level=None)) as database:
            database.execute(query.split('"')[1])
        run(copy, dict(os.environ))
        self.server.terminate()
        self.server.wait()
        shutil.rmtree(state)
        state.mkdir()
        (kept / "assa-files").rename(state / "files")
        (kept / "assa.sqlite3").rename(state / "assa.sqlite3")
        self.server.start()
        self.assertEqual(self.requested(self.get, path), ("HTTP/1.1 200 OK", JPEG.decode("latin-1")))

    def test_close_codes(self) -> None:
        """Each code that a WebSocket can be closed with is in the table, with the reasons that have it."""
        for path in PROTOCOL:
            rows = re.findall(
                r"^   \* - (1\d{3})\n     - (.*?)\n     - ",
                section(path, "WebSocket"),
                re.MULTILINE | re.DOTALL,
            )
            told = {int(code): set(re.findall(r"``([^`]+)``", text)) for code, text in rows}
            for reason, code in CLOSE_CODES.items():
                self.assertIn(reason, told[code], path.name)
            self.assertEqual(set(told) - set(CLOSE_CODES.values()), {1002, 1003, 1007, 1008, 1009})


# --- What people are told to type ---


@contextmanager
def commands() -> Generator[dict[str, str], None, None]:
    """Have `assa`, `twistd`, and `nc` and `curl` that know where the test's server is; yield their PATH."""
    with tempfile.TemporaryDirectory(prefix="assa-bin-") as name:
        scripts = {
            "assa": f'#!/bin/sh\nexec "{sys.executable}" -m assa "$@"\n',
            "twistd": f'#!/bin/sh\nexec "{sys.executable}" "{TWISTD}" "$@"\n',
            "nc": f'#!/bin/sh\nexec "{sys.executable}" "{name}/nc.py" "$@"\n',
            "nc.py": NC,
            "curl": f'#!/bin/sh\nexec "{sys.executable}" "{name}/curl.py" "$@"\n',
            "curl.py": CURL,
        }
        for script, text in scripts.items():
            path = Path(name, script)
            path.write_text(text)
            path.chmod(0o755)
        yield {"PATH": f"{name}{os.pathsep}{os.environ['PATH']}"}


NC = """
import os, socket, sys, threading, time
assert sys.argv[1:] == ["-q", "1", "127.0.0.1", "12345"], sys.argv
connection = socket.create_connection(("127.0.0.1", int(os.environ["TEST_PORT"])), 10)
answers = []
def copy():
    for line in connection.makefile("rb"):
        sys.stdout.buffer.write(line)
        sys.stdout.flush()
        answers.append(line)
threading.Thread(target=copy, daemon=True).start()
requests = 0
for line in sys.stdin.buffer:
    connection.sendall(line)
    requests += 1
patience = time.monotonic() + 10  # a loaded machine may need more than the second that README waits
while len(answers) < requests and time.monotonic() < patience:
    time.sleep(0.05)
"""


CURL = """
import argparse, os, sys, urllib.request
parser = argparse.ArgumentParser()
parser.add_argument("-sS", action="store_true")
parser.add_argument("-H", action="append", default=[])
parser.add_argument("-X")
parser.add_argument("-d")
parser.add_argument("url")
asked = parser.parse_args()
url = asked.url.replace("127.0.0.1:9090", "127.0.0.1:" + os.environ["TEST_ADMIN_PORT"])
assert url != asked.url
body = None if asked.d is None else asked.d.encode()
request = urllib.request.Request(url, body, dict(one.split(": ", 1) for one in asked.H), method=asked.X)
with urllib.request.urlopen(request, timeout=10) as answer:
    print(answer.read().decode())
"""


def run(command: str | list[str], environ: dict[str, str], typed: str = "") -> str:
    """Run a command as a person would and return what it shows."""
    shell = ["bash", "-c", command] if isinstance(command, str) else command
    done = subprocess.run(
        shell, env=environ, input=typed, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@contextmanager
def as_told(command: str) -> Generator[tuple[Server, dict[str, str]], None, None]:
    """Start the server with a command of a document; it is told where to listen and write, nothing else."""
    with commands() as path, tempfile.TemporaryDirectory(prefix="assa-docs-") as name:
        port = free_port()
        endpoint = f"tcp:{port}:interface={LOOPBACK}"
        server = Server(Path(name), auth__secret=None, http__listen=[], http__admin_listen=[endpoint])
        ports = {"TEST_PORT": str(server.address[1]), "TEST_ADMIN_PORT": str(port)}
        server.environment |= path | ports | {"LC_ALL": "C.UTF-8"}
        server._command = ["bash", "-c", f"exec {command}"]
        server.start()
        try:
            yield server, server.environment
        finally:
            server.kill()


class ReadmeTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Take the commands."""
        self.blocks = blocks(ROOT / "README.rst", "")

    def test_commands(self) -> None:
        """One line to run it, one line to test it."""
        self.assertEqual(self.blocks[0], "pip install -e . && twistd -n assa")
        self.assertEqual(self.blocks[1], "pip install -e '.[test]' && python -m pytest")
        self.assertEqual(len(self.blocks), 5)
        [port] = {re.search(r"\d+", one)[0] for one in Config().http.listen}
        self.assertIn(f"http://localhost:{port}/", text_of(ROOT / "README.rst"))
        self.assertIn(f"http://localhost:{port}/", text_of(DOCS / "web.rst"))

    def test_first_chat(self) -> None:
        """The server starts, two people chat, and a client of one's own gets its answers."""
        start = self.blocks[0].rpartition("&& ")[2]
        with as_told(start) as (server, environ):
            shown = [run(*self.typed(block, environ)) for block in self.blocks[2:4]]
            self.assertIn("mina: hello", shown[0])
            self.assertIn("mina: hello", shown[1])
            self.assertIn("jun: hello, mina", shown[1])
            answers = [json.loads(line) for line in run(self.blocks[4], environ).splitlines()]
            self.assertEqual([one["action"] for one in answers], ["CONNECT_RESPONSE", "LIST_ROOMS_RESPONSE"])
            [room] = answers[1]["data"]["rooms"]
            self.assertEqual((room["name"], room["last_message"]["content"]), ("lobby", "hello, mina"))
            self.assertIn("development mode", server.log)

    def typed(self, block: str, environ: dict[str, str]) -> tuple[str, dict[str, str], str]:
        """Return the command of a session in a terminal, and what is typed into it."""
        command, *lines = block.splitlines()
        self.assertTrue(command.startswith("$ assa chat "))
        return command.removeprefix("$ "), environ, "".join(f"{line.removeprefix('> ')}\n" for line in lines)


class Browser:
    """How the client in the log of docs/operations.rst is connected."""

    kind = "websocket"
    address = "203.0.113.7"


class OperationsTests(SynchronousTestCase):
    def test_admin_api(self) -> None:
        """Each request to the admin API, as it is told; the table has each of them."""
        [block] = [one for one in blocks(DOCS / "operations.rst", "") if one.startswith("TOKEN=")]
        token_of, address, *asked = block.splitlines()
        shown: list[Any] = []
        with as_told("twistd -n assa") as (server, environ):
            jun = Talker(server.address[1], run("assa token 2", environ).strip())
            self.addCleanup(jun.close)
            jun.ask("CREATE_ROOM", name="방", is_open=True)
            for command in asked:
                named = shown[0]["connections"][0]["connection_id"] if shown else ""
                line = command.replace("CONNECTION_ID", named)
                shown.append(json.loads(run(f"{token_of}\n{address}\n{line}", environ)))
        connections, user, rooms, room, closed, announced = shown
        self.assertEqual(user["sessions"][0]["session"], connections["connections"][0]["session"])
        self.assertEqual((rooms["rooms"][0]["name"], room["members_count"]), ("방", 1))
        self.assertEqual(closed, {"closed": connections["connections"][0]["connection_id"]})
        self.assertEqual(announced, {"recipients": 0})
        told = section(DOCS / "operations.rst", "The admin API")
        table = re.findall(r"^   \* - ``[A-Z]+ /admin/(\w+)", told, re.MULTILINE)
        done = [re.search(r"\$ADMIN/(\w+)", command) for command in asked]
        self.assertEqual(sorted(table), sorted(one[1] for one in done if one))

    def test_metrics(self) -> None:
        """The metrics of the table are those that there are, with their labels."""
        scraped = Operator(World()).scraped().families.values()
        there = {
            family.name if family.type == "histogram" else sample.name: set(sample.labels) - {"le"}
            for family in scraped
            for sample in family.samples
        }
        there = {name: labels for name, labels in there.items() if name.startswith("assa_")}
        there |= {
            "assa_build_info": set(),
            "assa_events_total": {"action"},
            "assa_deliveries_total": {"action"},
        }
        for path, title in zip(OPERATIONS, ("Watching it", "지켜보기"), strict=True):
            named = re.findall(r"``(assa_\w+)(?:\{([\w,]+)\})?``", section(path, title))
            told = {name: set(filter(None, labels.split(","))) for name, labels in dict(named).items()}
            self.assertEqual(told, there, path.name)

    def test_reasons(self) -> None:
        """Each reason of a close that is no code of the protocol is explained."""
        closes = Operator(World()).scraped().families["assa_connection_closes"].samples
        reasons = {one.labels["reason"] for one in closes} - set(Code)
        reasons |= {one.value for one in Broken if one is not Broken.TOO_LONG}
        for path, title in zip(OPERATIONS, ("The log", "로그"), strict=True):
            told = set(re.findall(r"``([^`]+)``", section(path, title)))
            self.assertEqual(reasons - told, set(), path.name)

    def test_json_line(self) -> None:
        """The line of a close that is shown is one that the server would write."""
        times = iter([0.0, 3605.112])
        visits = Visits(lambda: 0, lambda: next(times))
        visit = visits.begin(Browser())
        visit.requests = 418
        with capturedLogs() as seen:
            visits.end(visit, "HEARTBEAT_TIMEOUT", 2)
        [block] = blocks(OPERATIONS[0], "json")
        shown, line = json.loads(block), json.loads(json_line(seen[0]))
        self.assertEqual(list(shown), list(line))
        self.assertEqual(shown | {"time": line["time"]}, line)
        self.assertIn(shown["event"], blocks(OPERATIONS[0], ""))

    def test_commands(self) -> None:
        """Users, announcements, the check of the settings, a copy of the database and its return."""
        told = "\n".join(blocks(DOCS / "operations.rst", "")).replace("\\\n", "")
        with as_told("twistd -n assa") as (server, environ):
            for command in ("assa user", "assa announce"):
                lines = [line for line in told.splitlines() if line.startswith(command)]
                self.assertTrue(lines)
                for line in lines:
                    run(line, environ)
            self.assertTrue(run("assa check-config", environ).startswith("ok\n"))
            copy = Path(server.directory, "copy.sqlite3")
            [vacuum] = set(re.findall(r'"(VACUUM INTO [^"]+)"', told))
            skip = self.gap(told)
            self.change(server.state / "assa.sqlite3", vacuum.replace("/var/backups/assa.sqlite3", str(copy)))
            server.terminate()
            server.wait()
            self.change(copy, skip)
            copy.replace(server.state / "assa.sqlite3")
            server.start()
            current = f"nothing to do: the schema of {server.state / 'assa.sqlite3'} is up to date\n"
            self.assertEqual(run("assa migrate", environ), current)
            made = run("assa chat --user 7", environ, "/open restored\nhello\n")
            self.assertIn("[1001] restored", made)
            self.assertRegex(made, r"hello \(#10000\d\d\)")

    def gap(self, told: str) -> str:
        """Return what skips ids after a backup has been restored: the same for both databases."""
        [skip] = set(re.findall(r'"(UPDATE [^"]+)"', told))
        return skip

    def test_postgres(self) -> None:
        """The queries about a PostgreSQL, the copy of an SQLite database into it, the skip of ids there."""
        require_postgres()
        url = shared_server().create_database()
        self.addCleanup(shared_server().drop_database, url)
        told = "\n".join(blocks(DOCS / "operations.rst", "")).replace("\\\n", "")
        [copy] = [line for line in told.splitlines() if "assa copy" in line]
        with as_told("twistd -n assa") as (server, environ):
            run("assa chat --user 7", environ, "/open lobby\nhello\n")
            server.terminate()
            server.wait()
            Path(server.directory, "password").write_text(shared_server().password)
            for old, new in (
                ("sudo /opt/assa/bin/", ""),
                ("/var/lib/assa/assa.sqlite3", str(server.state / "assa.sqlite3")),
                ("postgresql://assa@db.example.org/assa", url.replace(f":{shared_server().password}@", "@")),
                ("/etc/assa/db-password", str(Path(server.directory, "password"))),
            ):
                self.assertIn(old, copy)
                copy = copy.replace(old, new)
            self.assertIn("and verified it", run(copy, environ))
            shared_server().execute(url, self.gap(told))
            environ["ASSA_STORAGE__URL"] = url
            server.start()
            made = run("assa chat --user 7", environ, "/open moved\nhello again\n")
            self.assertIn("[1002] moved", made)
            self.assertRegex(made, r"hello again \(#10000\d\d\)")
            [queries] = blocks(DOCS / "operations.rst", "sql")
            for query in queries.split(";\n"):
                shared_server().execute(url, query)
            self.assertEqual(len(shared_server().execute(url, queries.split(";\n")[0])), 1)

    def change(self, path: Path, sql: str) -> None:
        """Do what the program sqlite3 would."""
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.executescript(sql)


class WebTests(SynchronousTestCase):
    """docs/web.rst against the server that has the web client."""

    def setUp(self) -> None:
        """Start a server."""
        self.told = DOCS / "web.rst"
        self.port = free_port()
        listen = [f"tcp:{self.port}:interface={LOOPBACK}"]
        self.server = self.enterContext(running(http__listen=listen, http__public_url=PUBLIC_URL))

    def got(self, path: str) -> tuple[str, str]:
        """Return the policy and the body of a page."""
        with urllib.request.urlopen(f"http://{LOOPBACK}:{self.port}{path}", timeout=TIMEOUT_S) as answer:
            return answer.headers["Content-Security-Policy"] or "", answer.read().decode()

    def test_config(self) -> None:
        """What a copy of the pages needs beside it is what the server makes itself."""
        [shown] = examples(self.told)
        self.assertEqual(json.loads(self.got("/config.json")[1]), shown | {"websocket": "/ws"})

    def test_policy(self) -> None:
        """The policy that a copy needs is the server's, with the server in place of itself."""
        policy, page = self.got("/")
        self.assertIn("<script", page)
        [shown] = re.findall(r"^     (img-src .*)$", text_of(self.told), re.MULTILINE)
        for rule in shown.split("; "):
            self.assertEqual(set(rule.split()) - set(policy.replace(";", "").split()), self.beyond(rule))

    def beyond(self, rule: str) -> set[str]:
        """Return what a rule has more than the server's own: `'self'` covers its WebSocket."""
        return {PUBLIC_URL.replace("http", "ws")} if rule.startswith("connect-src") else set()

    def test_library(self) -> None:
        """The library is where the document says."""
        self.assertIn("/assa/assa.js", text_of(self.told))
        self.assertIn("Connection", self.got("/assa/assa.js")[1])


# --- The examples of embedding ---


class Talker:
    """A client that is a plain socket."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self._lines = self._socket.makefile("rb")
        self._asked = 0
        self.ask("CONNECT", jwt_token=token)

    def tell(self, action: str, **data: object) -> str:
        """Send a request and return its `seq_id`."""
        self._asked += 1
        seq_id = f"q{self._asked}"
        request = {"action": action, "data": data, "timestamp": "2024-01-01T12:00:00Z", "seq_id": seq_id}
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        return seq_id

    def ask(self, action: str, **data: object) -> dict[str, Any]:
        """Send a request and return the data of its answer."""
        answer: dict[str, Any] = self.heard(f"{action}_RESPONSE", self.tell(action, **data))
        return answer

    def heard(self, action: str, seq_id: str | None = None) -> Any:
        """Return the data of the next message of that action."""
        for line in self._lines:
            said = json.loads(line)
            assert said["action"] != "ERROR", said
            if said["action"] == action and seq_id in (None, said["seq_id"]):
                return said["data"]
        raise AssertionError(f"closed before {action}")

    def rest(self) -> bytes:
        """Read to the end."""
        return self._lines.read()

    def close(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()


@contextmanager
def started(command: list[str], directory: str, **settings: object) -> Iterator[subprocess.Popen[str]]:
    """Run a program of the examples."""
    program = subprocess.Popen(
        command,
        env=environment(settings),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def announced(program: subprocess.Popen[str], wanted: Iterable[str]) -> list[str]:
    """Return what the program says of each of these on its standard output."""
    missing, found = set(wanted), {}
    assert program.stdout is not None
    while missing:
        line = program.stdout.readline()
        assert line, program.stderr.read() if program.stderr else "it ended"
        for one in [one for one in missing if line.startswith(one)]:
            found[one] = line.removeprefix(one).strip()
            missing.discard(one)
    return [found[one] for one in wanted]


class EmbeddingTests(SynchronousTestCase):
    def test_embed(self) -> None:
        """A program with its own endpoint, store, clock and action chats and stops cleanly."""
        with tempfile.TemporaryDirectory(prefix="assa-embed-") as directory:
            self.check_run(directory, before=[])
            self.check_run(directory, before=["안녕하세요!", "안녕, 브라우저!"])

    def check_run(self, directory: str, before: list[str]) -> None:
        """Run the example once; what was said the last time is still there."""
        command = [sys.executable, str(EXAMPLES / "embed.py"), "chat.sqlite3"]
        wanted = ("token of mina: ", "token of jun: ", "chat on port ", "web on port ")
        with started(command, directory) as program:
            token, other, port, page = announced(program, wanted)
            with closing(Talker(int(port), token)) as mina, closing(Talker(int(port), other)) as jun:
                if not before:
                    mina.ask("CREATE_ROOM", name="방", is_open=True)
                recent = jun.ask("JOIN_ROOM", room_id=1)["recent_messages"]
                self.assertEqual([one["content"] for one in recent], before)
                sent = mina.ask("SEND_MESSAGE", room_id=1, content="안녕하세요!", message_type="text")
                self.assertEqual(jun.heard("NEW_MESSAGE")["message_id"], sent["message_id"])
                jun.tell("TYPING", room_id=1)
                self.assertEqual(mina.heard("USER_TYPING")["nickname"], "jun")
                self.check_page(int(page), mina, jun)
                self.check_websocket(int(page), token, jun)
                program.send_signal(signal.SIGTERM)
                for one in (mina, jun):
                    self.assertEqual(one.heard("SERVER_ANNOUNCEMENT")["announcement_type"], "shutdown")
                    self.assertEqual(one.rest(), b"")
            _, log = program.communicate(timeout=TIMEOUT_S)
            self.assertEqual(program.returncode, 0, log)
            self.assertNotIn("Traceback", log)

    def check_page(self, port: int, *talkers: Talker) -> None:
        """Check what the program does beside ASSA, and that it reaches into it."""
        address = f"http://127.0.0.1:{port}/"
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
            self.assertEqual(answer.read(), b"2 connected\n")
        with urllib.request.urlopen(address, b"tea is ready", timeout=TIMEOUT_S) as answer:
            self.assertRegex(answer.read(), rb"\Aannounced as e\d+\n\Z")
        for one in talkers:
            self.assertEqual(one.heard("SERVER_ANNOUNCEMENT")["message"], "tea is ready")

    def check_websocket(self, port: int, token: str, other: Talker) -> None:
        """Check that a browser chats with a client over TCP, from a page that may and no other."""
        address = f"ws://127.0.0.1:{port}/ws"
        with self.assertRaises(InvalidStatus):
            connect(address, origin=Origin(f"http://127.0.0.1:{port}"))
        browser = connect(address, origin=Origin("https://shop.example.org"), subprotocols=[SUBPROTOCOL])
        with browser:
            for action, data in (
                ("CONNECT", {"jwt_token": token}),
                ("SEND_MESSAGE", {"room_id": 1, "content": "안녕, 브라우저!", "message_type": "text"}),
            ):
                request = {
                    "action": action,
                    "data": data,
                    "timestamp": "2024-01-01T12:00:00Z",
                    "seq_id": action,
                }
                browser.send(json.dumps(request))
                answer = json.loads(browser.recv(TIMEOUT_S))
                self.assertEqual((answer["action"], answer["success"]), (f"{action}_RESPONSE", True))
            self.assertEqual(other.heard("NEW_MESSAGE")["content"], "안녕, 브라우저!")

    def test_node(self) -> None:
        """Two programs with one PostgreSQL: a client of each, and both stop cleanly."""
        require_postgres()
        url = shared_server().create_database()
        self.addCleanup(shared_server().drop_database, url)
        with tempfile.TemporaryDirectory(prefix="assa-node-") as directory:
            secret = Path(directory, "secret")
            secret.write_text("of both, and of who issues the tokens")
            command = [sys.executable, str(EXAMPLES / "node.py"), url, str(secret)]
            key = Key.load("HS256", secret.read_bytes())
            tokens = [mint(key, user_id=one, lifetime_s=60, now=time.time()) for one in (1, 2)]
            with started(command, directory) as first, started(command, directory) as second:
                ports = [int(announced(one, ["chat on port "])[0]) for one in (first, second)]
                with (
                    closing(Talker(ports[0], tokens[0])) as mina,
                    closing(Talker(ports[1], tokens[1])) as jun,
                ):
                    mina.ask("CREATE_ROOM", name="방", is_open=True)
                    jun.ask("JOIN_ROOM", room_id=1)
                    sent = mina.ask("SEND_MESSAGE", room_id=1, content="안녕하세요!", message_type="text")
                    self.assertEqual(jun.heard("NEW_MESSAGE")["message_id"], sent["message_id"])
                    for program, one in ((first, mina), (second, jun)):
                        program.send_signal(signal.SIGTERM)
                        self.assertEqual(one.heard("SERVER_ANNOUNCEMENT")["announcement_type"], "shutdown")
                        self.assertEqual(one.rest(), b"")
                        _, log = program.communicate(timeout=TIMEOUT_S)
                        self.assertEqual(program.returncode, 0, log)
                        self.assertNotIn("Traceback", log)
                self.assertEqual(shared_server().execute(url, "SELECT count(*) FROM nodes"), [(0,)])

    def test_tac(self) -> None:
        """A whole server as a service of a program for twistd."""
        with tempfile.TemporaryDirectory(prefix="assa-tac-") as directory:
            server = Server(Path(directory))
            server._command = [str(TWISTD), "-n", "--pidfile=", "-y", str(EXAMPLES / "chat.tac")]
            try:
                server.start()
                server.terminate()
                server.wait()
            finally:
                server.kill()
            self.assertNotIn("Traceback", server.log)

    def test_hello(self) -> None:
        """A program with assa.js connects, says something, is refused something, and leaves."""
        program = node()
        port = free_port()
        with running(http__listen=[f"tcp:{port}:interface={LOOPBACK}"]) as server:
            path = Path(server.directory, "token")
            path.write_text(token(1))
            command = [program, "--experimental-websocket", str(EXAMPLES / "hello.mjs")]
            shown = run([*command, f"ws://{LOOPBACK}:{port}/ws", str(path)], dict(os.environ))
            self.assertEqual(shown.split(), ["connecting", "connected", "ROOM_NOT_FOUND", "closed"])

    def test_quotations(self) -> None:
        """The Python and the JavaScript in the documents are those of the examples, which run."""
        code = "\n".join(
            line.strip()
            for path in sorted(EXAMPLES.iterdir())
            if path.is_file()
            for line in text_of(path).splitlines()
        )
        for name, language, least in (
            ("embedding", "python", 4),
            ("architecture", "python", 4),
            ("web", "javascript", 2),
        ):
            quoted = blocks(DOCS / f"{name}.rst", language)
            self.assertGreaterEqual(len(quoted), least)
            for block in quoted:
                self.assertIn("\n".join(line.strip() for line in block.splitlines()), code)
