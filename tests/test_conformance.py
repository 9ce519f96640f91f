"""The conformance rules: a good server passes all, a broken one all but those about what is broken."""

from __future__ import annotations

import builtins
import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree as ET

import jwt
from twisted.trial.unittest import SynchronousTestCase

from assa.cli import main
from assa.conformance.identities import Listed, forged, unsigned
from assa.conformance.messages import Broken, Message, shown
from assa.conformance.registry import RULES, VERSIONS, Rule
from assa.conformance.report import as_json, as_junit, as_list, as_text
from assa.conformance.running import Outcome, Result, all_rules, selected
from assa.conformance.texts import SECTIONS, TITLES
from assa.mock import Conditions, Fault, Item
from assa.mock import Message as Said
from assa.protocol import EVENTS, REQUESTS, answer_of
from assa.rates import RateLimits
from tests.mutants import MUTANTS, UNSEEN, Mutant
from tests.rehearsal import SECRET, START_S, Rehearsal, failing, rules_of

_UNSHOWN = {"shape_REQUEST_UPLOAD_RESPONSE", "shape_SERVER_ANNOUNCEMENT"}
"""What is not met: a mock takes no uploads, and of v1.0 alone nobody can ask for an announcement."""


def not_tried(results: Iterable[Result]) -> set[str]:
    """Return the names of the rules that were not tried."""
    return {one.rule.name for one in results if one.outcome is Outcome.NOT_TRIED}


class GoodServerTests(SynchronousTestCase):
    def test_all_hold(self) -> None:
        """A server with the protocol's own limits passes every rule, the slow ones too."""
        results = Rehearsal(slow=True).run(all_rules())
        self.assertEqual(failing(results), {})
        self.assertEqual(not_tried(results), _UNSHOWN)
        self.assertEqual([one.rule for one in results], all_rules())

    def test_slow_ones_are_left_out(self) -> None:
        """What waits for timers is not tried, and not counted as holding, unless it is asked for."""
        results = Rehearsal().run(all_rules())
        slow = {rule.name for rule in RULES if rule.slow}
        self.assertLess(slow, not_tried(results))

    def test_in_pieces(self) -> None:
        """It does not matter in which pieces the bytes of the server arrive (§1.1)."""
        self.assertEqual(failing(Rehearsal(piece_bytes=5).run(rules_of("1", "5", "9"))), {})

    def test_tokens_of_a_file(self) -> None:
        """With given tokens rules take turns; what needs others is not tried, and not counted as passed."""
        now = START_S
        tokens = [jwt.encode({"sub": f"{n}", "exp": now + 9_999}, SECRET, "HS256") for n in (7, 8, 9)]
        results = Rehearsal(identities=lambda _: Listed(tokens)).run(all_rules())
        self.assertEqual(failing(results), {})
        expected = {"expired_token", "expired_is_invalid", "token_of_nobody", "user_of_sub", "announcement"}
        self.assertLessEqual(expected, not_tried(results))
        self.assertNotIn("forged_token", not_tried(results))
        self.assertNotIn("reaches_every_other_member", not_tried(results))

    def test_server_of_v1_0(self) -> None:
        """A server without anything of v1.1 passes the rules of v1.0: they ask for nothing else."""
        results = Rehearsal([Old]).run([rule for rule in all_rules() if rule.version == "1.0"])
        self.assertEqual(failing(results), {})
        self.assertGreater(len(results) - len(not_tried(results)), 100)

    def test_impatience(self) -> None:
        """RATE_LIMITED is no finding: what was too fast is repeated, or not tried (v1.1 section 3)."""
        rates = RateLimits(
            messages=2,
            messages_burst=3,
            others=3,
            others_burst=4,
            relays=20,
            relays_burst=20,
            failed_connects=0.5,
            failed_connects_burst=2,
        )
        results = Rehearsal(conditions=Conditions(rate_limits=rates)).run(rules_of("3", "4", "5", "7"))
        self.assertEqual(failing(results), {})
        at_once = {"join_is_a_snapshot", "ids_grow", "order_of_one_sender"}
        untried = {one.rule for one in results if one.outcome is Outcome.NOT_TRIED and one.rule.case}
        self.assertLessEqual({rule.name for rule in untried if not rule.slow}, at_once)


_ADDED_REQUESTS = {request.action for request in REQUESTS if request.since == "1.1"} | {"PING"}
_ADDED_EVENTS = {event.action for event in EVENTS if event.since == "1.1"}


class OddServerTests(SynchronousTestCase):
    def test_any_answers(self) -> None:
        """Whatever comes in place of `data`, or of a message, it is a finding, and the rest is tried."""
        for odd in (None, [], "x", 5, {}, [{}], {"data": []}, {"participants": 5, "rooms": [None]}):
            results = Rehearsal([_saying({"data": odd})], timeout_s=1).run(rules_of("4.4", "5.3", "9"))
            self.assertGreater(len(failing(results)), 10)
            self.assertNotIn("AttributeError", str(failing(results)))
        for raw in (
            b"null\n",
            b"[1]\n",
            b"\xff\n",
            b'{"action": []}\n',
            b'{"success": false}\n',
            b"[" * 99_999 + b"\n",
        ):
            results = Rehearsal([_raw(raw)], timeout_s=1).run(rules_of("1.1", "4.4"))
            self.assertGreater(len(failing(results)), 3)


def _saying(change: Said) -> type[Fault]:
    class Odd(Fault):
        def outgoing(self, message: Said) -> Iterable[Item]:
            return [message if message["action"] == "CONNECT_RESPONSE" else message | change]

    return Odd


def _raw(raw: bytes) -> type[Fault]:
    class Raw(Fault):
        def outgoing(self, message: Said) -> Iterable[Item]:
            return [message if message["action"] == "CONNECT_RESPONSE" else raw]

    return Raw


class Old(Fault):
    """A server that has nothing of v1.1: no added messages, fields, codes or answers; clients close."""

    over = False

    def others_of(self, user_id: int) -> int:
        """Return how many other connections a user has, of which v1.0 does not speak."""
        return sum(one.user_id == user_id for one in self.line.lines if one is not self.line)

    def incoming(self, message: Said) -> Said | None:
        """Know no added request, and no session to be resumed."""
        self.over = self.over or message.get("action") == "DISCONNECT"
        if self.over or message.get("action") in _ADDED_REQUESTS:
            return None
        message.pop("session_id", None)
        return message

    def outgoing(self, message: Said) -> Iterable[Item]:
        """Say nothing of what was added."""
        action, data = message["action"], message.get("data", {})
        if self.over:
            return []
        if action in _ADDED_EVENTS | {"DISCONNECT_RESPONSE", "EXIT_VIDEO_ROOM_RESPONSE"}:
            return []
        if action == "CONNECT_RESPONSE" and message["success"]:
            assert not self.others_of(data["user_id"]), "a rule of v1.0 connects a user twice"
            data["reconnection_info"] = {
                key: data["reconnection_info"][key] for key in ("existing_rooms", "unread_messages")
            }
        for added in ("ice_servers", "duplicate", "file_info", "retry_after_ms"):
            data.pop(added, None)
        for pending in data.get("pending_messages", []):
            for added in ("message_type", "reply_to_message_id"):
                del pending[added]
        if message.get("error_code") in ("INVALID_MESSAGE", "UNKNOWN_ACTION"):
            message |= {"error_code": "BAD_REQUEST", "message": "잘못된 요청입니다"}
        message["timestamp"] = message["timestamp"].replace("Z", "+00:00")
        message["seq_id"] = message["seq_id"] and message["seq_id"].replace("e", "broadcast-")
        return [message]


class MutantTests(SynchronousTestCase):
    """Servers that are wrong in one thing each."""

    def test_number(self) -> None:
        """There are ten at least."""
        self.assertGreaterEqual(len(MUTANTS), 10)

    def check(self, mutants: dict[str, Mutant]) -> None:
        """Expect that each broken server is found by the rules that tell of it, and by no other."""
        for name, mutant in mutants.items():
            self.assertTrue(mutant.found, f"{name} says what finds it")
            with self.subTest(name):
                results = Rehearsal([mutant.make()]).run(_rules_beside(mutant))
                self.assertEqual(set(failing(results)), mutant.found)

    def test_found(self) -> None:
        """Those that the rules were looked at with."""
        self.check(MUTANTS)

    def test_unseen_found(self) -> None:
        """Those that came after the rules."""
        self.check(UNSEEN)


def _rules_beside(mutant: Mutant) -> Sequence[Rule]:
    """Return the rules of the parts concerned and of three others; with `ASSA_MUTANTS=all` all of them."""
    if os.environ.get("ASSA_MUTANTS") == "all":
        return all_rules()
    parts = {rule.split()[1].partition(".")[0] for rule in mutant.found} | {"2", "4", "9"}
    return [
        rule
        for rule in selected(all_rules(), versions=VERSIONS, sections=sorted(parts))
        if rule.name != "too_many_events"  # it takes a thousand messages
    ]


class RuleTests(SynchronousTestCase):
    def test_every_section(self) -> None:
        """Every section of v1.0 with messages has rules, and every rule a section that has a title."""
        sections = {rule.section for rule in all_rules()}
        self.assertEqual(sections, set(TITLES))
        for message in (*REQUESTS, *EVENTS):
            self.assertLessEqual({message.section} - {""}, sections | {"5.2"})

    def test_every_message(self) -> None:
        """Every answer and every event of the protocol has a rule about its shape."""
        answers = {f"{one.action}_RESPONSE" for one in REQUESTS if answer_of(one) is not None}
        known = set(SECTIONS["1.0"]) | set(SECTIONS["1.1"])
        self.assertEqual(known, answers | {one.action for one in EVENTS} | {"ERROR", "PING", "PONG"})

    def test_names(self) -> None:
        """A rule is known by one name in its version, and said in one sentence."""
        rules = all_rules()
        self.assertEqual(len({(rule.version, rule.name) for rule in rules}), len(rules))
        for rule in rules:
            self.assertIn(rule.version, VERSIONS)
            self.assertTrue(rule.text, rule.name)
            self.assertNotIn("\n", rule.text)

    def test_selected(self) -> None:
        """A section stands for its parts, and for no other that begins with the same digit."""
        rules = selected(all_rules(), versions=("1.0",), sections=("1",))
        self.assertEqual({rule.section for rule in rules}, {"1.1", "1.2"})
        rules = selected(all_rules(), versions=VERSIONS, sections=("5.1", "10"))
        self.assertEqual({rule.section for rule in rules}, {"5.1", "10.1", "10.2", "10.3"})


class MessageTests(SynchronousTestCase):
    def test_failure_text(self) -> None:
        """A finding says what was expected, what was sent and what came, and shows no token."""
        token = jwt.encode({"sub": "7"}, SECRET, "HS256")
        sent = {"action": "CONNECT", "data": {"jwt_token": token}}
        message = Message({"action": "ERROR", "data": {"error_details": f"no good: {token}"}}, sent)
        with self.assertRaises(Broken) as caught:
            message.shows({"data.room_id": 5})
        self.assertIn("data.room_id", str(caught.exception))
        self.assertIn("CONNECT", str(caught.exception))
        self.assertIn("no good", str(caught.exception))
        self.assertNotIn(token, str(caught.exception))

    def test_types(self) -> None:
        """true, 1 and 1.0 are three values."""
        message = Message({"data": {"a": True, "b": 1, "c": 1.0}})
        message.shows({"data.a": True, "data.b": 1, "data.c": 1.0})
        for path, wrong in (("data.a", 1), ("data.b", True), ("data.b", 1.0), ("data.c", 1)):
            self.assertRaises(Broken, message.shows, {path: wrong})

    def test_long(self) -> None:
        """A long text is shortened."""
        self.assertLess(len(shown({"content": "가" * 100_000})), 200)

    def test_bad_tokens(self) -> None:
        """A token made wrong differs from the good one in what it should."""
        token = jwt.encode({"sub": "7"}, SECRET, "HS256")
        self.assertRaises(jwt.InvalidSignatureError, jwt.decode, forged(token), SECRET, ["HS256"])
        self.assertEqual(jwt.get_unverified_header(unsigned(token))["alg"], "none")
        self.assertEqual(jwt.decode(unsigned(token), options={"verify_signature": False}), {"sub": "7"})

    def test_too_few_tokens(self) -> None:
        """Three users are needed, and tokens."""
        tokens = [jwt.encode({"user_id": n}, SECRET, "HS256") for n in (1, 1, 2)]
        self.assertRaises(ValueError, Listed, tokens)
        self.assertRaises(ValueError, Listed, ["a", "b", "c"])


class ReportTests(SynchronousTestCase):
    def setUp(self) -> None:
        """Try some rules on a server that is wrong and tells secrets."""
        self.results = Rehearsal([MUTANTS["wrong_text"].make(), Telltale]).run(rules_of("3.1", "4.3"))

    def test_text(self) -> None:
        """By version and section; what fails with its reason; and the verdict."""
        text = as_text("here", self.results)
        self.assertIn("v1.0: ", text)
        self.assertIn("v1.1: ", text)
        self.assertIn("§4.3 EXIT_ROOM", text)
        self.assertIn("expected message 채팅방에서 나갔습니다", text)
        self.assertIn("v1.0 §4.3", text.splitlines()[-1])
        self.assertNotIn("eyJ", text)

    def test_json(self) -> None:
        """Every rule with its outcome, and the counts."""
        report = json.loads(as_json("here", self.results))
        self.assertEqual(len(report["rules"]), len(self.results))
        wrong = {(one["section"], one["name"]) for one in report["rules"] if one["outcome"] == "fails"}
        self.assertIn(("4.3", "text_EXIT_ROOM"), wrong)
        self.assertEqual(
            report["counts"]["1.0"]["fails"], sum(1 for key in failing(self.results) if key[:3] == "1.0")
        )

    def test_junit(self) -> None:
        """A suite for each version, a case for each rule, with failures and what was skipped."""
        root = ET.fromstring(as_junit("here", self.results))  # noqa: S314 - made here
        self.assertEqual([suite.get("name") for suite in root], ["v1.0", "v1.1"])
        self.assertEqual(len(root.findall("*/testcase")), len(self.results))
        self.assertEqual(len(root.findall("*/testcase/failure")), len(failing(self.results)))
        self.assertEqual(root.get("failures"), str(len(failing(self.results))))
        self.assertEqual(root.get("skipped"), str(len(not_tried(self.results))))

    def test_list(self) -> None:
        """A line for each rule."""
        self.assertEqual(len(as_list(rules_of("5")).splitlines()), len(rules_of("5")) + 1)


class Telltale(Fault):
    """A server that repeats the token of a CONNECT that it refuses."""

    def incoming(self, message: Said) -> Said | None:
        """Remember it."""
        if message.get("action") == "CONNECT":
            self.token = message["data"].get("jwt_token")
        return message

    def outgoing(self, message: Said) -> Iterable[Item]:
        """Tell it."""
        if message["action"] == "CONNECT_RESPONSE" and not message["success"]:
            message["data"] = {"error_details": f"bad token {self.token}"}
        return [message]


class SecretTests(SynchronousTestCase):
    def test_told(self) -> None:
        """A server that tells a token is found (protocol v1.1, section 2); the report does not repeat it."""
        results = Rehearsal([Telltale]).run(rules_of("3.1", "9.1"))
        self.assertIn("1.1 9.1 secrets", failing(results))
        for report in (as_text, as_json, as_junit):
            self.assertNotRegex(report("here", results), r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


class CommandTests(SynchronousTestCase):
    def run_command(self, *arguments: str, **environment: str) -> tuple[Any, str, str]:
        """Run ``assa conformance`` in this process as far as it needs no reactor."""
        out, err, status = io.StringIO(), io.StringIO(), 0
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ASSA_")}
        with (
            mock.patch.dict(os.environ, clean | environment, clear=True),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main(["conformance", *arguments])
            except SystemExit as ended:
                status = ended.code
        return status, out.getvalue(), err.getvalue()

    def test_list(self) -> None:
        """--list needs no server; versions and sections choose."""
        status, out, _ = self.run_command("--list")
        self.assertEqual((status, out.splitlines()[-1]), (0, f"{len(all_rules())} rules"))
        _, out, _ = self.run_command("--list", "--version", "1.1", "--section", "8")
        self.assertEqual({line[:8] for line in out.splitlines()[:-1]}, {"v1.1 §8."})

    def test_output(self) -> None:
        """--output writes to a file."""
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory, "rules.txt")
            status, out, _ = self.run_command("--list", "--output", str(path))
            self.assertEqual((status, out), (0, ""))
            self.assertIn("§5.1", path.read_text())

    def test_wrong_command_line(self) -> None:
        """Status 2, and words that say why."""
        with tempfile.TemporaryDirectory() as directory:
            tokens = Path(directory, "tokens")
            tokens.write_text("no.jwt.here\n")
            for wrong in (
                [],
                ["localhost"],
                ["localhost:0", "--secret", "x"],
                ["localhost:port", "--secret", "x"],
                ["localhost", "--secret", "x", "--tokens", str(tokens)],
                ["localhost", "--tokens", str(tokens)],
                ["localhost", "--secret-file", str(tokens / "none")],
                ["localhost", "--secret", "x", "--section", "12"],
                ["localhost", "--secret", "x", "--timeout", "0"],
                ["localhost", "--secret", "x", "--claim", "aud"],
                ["localhost", "--secret", "x", "--version", "2"],
            ):
                status, out, err = self.run_command(*wrong)
                self.assertEqual((status, out), (2, ""), wrong)
                self.assertTrue(err, wrong)

    def test_without_jsonschema(self) -> None:
        """Where what it needs is not installed, one line says how to get it."""
        real = builtins.__import__

        def without(name: str, *arguments: Any, **more: Any) -> Any:
            if name.startswith("assa.conformance"):
                raise ModuleNotFoundError("No module named 'jsonschema'", name="jsonschema")
            return real(name, *arguments, **more)

        with mock.patch.object(builtins, "__import__", without):
            status, out, err = self.run_command("--list")
        self.assertEqual((status, out), (2, ""))
        self.assertEqual(err, "assa: jsonschema is not installed: pip install 'assa[conformance]'\n")
