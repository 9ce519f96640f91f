"""The command `assa schema`."""

from __future__ import annotations

import json

from assa.spec.publishing import everything
from tests.integration.server import ROOT
from tests.published import PUBLISHED, names, schema
from tests.test_cli import CommandCase


class CommandTests(CommandCase):
    def test_prints(self) -> None:
        """The schema of a message, of a version and in a language; without a message their names."""
        status, out, err = self.run_command("schema", "--version", "1.0", "SEND_MESSAGE")
        self.assertEqual((status, err, json.loads(out)), (0, "", schema("1.0", "SEND_MESSAGE")))
        _, out, _ = self.run_command("schema", "--language", "ko", "SDP.event")
        self.assertIn("세션 설명", json.loads(out)["description"])
        _, out, _ = self.run_command("schema", "--version", "1.0")
        self.assertEqual(sorted(out.split()), sorted(names("1.0")))

    def test_formats(self) -> None:
        """AsyncAPI, TypeScript and the reference are what is published, or the same in Korean."""
        for name, made in (("asyncapi", "asyncapi.json"), ("typescript", "assa.d.ts")):
            _, out, _ = self.run_command("schema", "--format", name)
            self.assertEqual(out, (PUBLISHED / made).read_text("utf-8"))
            _, out, _ = self.run_command("schema", "--format", name, "--language", "ko")
            self.assertIn("사용자", out)
        _, out, _ = self.run_command("schema", "--format", "reference", "--language", "ko")
        self.assertEqual(out, (ROOT / "docs" / "reference.ko.rst").read_text("utf-8"))

    def test_writes_and_checks(self) -> None:
        """--write names what it wrote; --check fails with a diff until it has been written."""
        directory = str(self.state / "schemas")
        status, out, err = self.run_command("schema", "--check", directory)
        self.assertEqual((status, err.count("\n")), (1, 1))
        self.assertIn("+++ v1.1/SEND_MESSAGE.json", out)
        status, out, _ = self.run_command("schema", "--write", directory)
        self.assertEqual((status, len(out.splitlines())), (0, len(everything())))
        self.assertEqual(self.run_command("schema", "--check", directory), (0, "", ""))
        self.assertEqual(self.run_command("schema", "--write", directory), (0, "", ""))

    def test_mistakes(self) -> None:
        """One line says what is wrong."""
        odd = self.state / "odd"
        (odd / "v1.1" / "CONNECT.json").mkdir(parents=True)
        for told, *arguments in (
            ("say SDP.request or SDP.event", "SDP"),
            ("no message USER_LEFT in version 1.0", "--version", "1.0", "USER_LEFT"),
            ("go with --format jsonschema", "--format", "asyncapi", "CONNECT"),
            ("Not a directory", "--write", "/dev/null/schemas"),
            ("v1.1/CONNECT.json: Is a directory", "--check", str(odd)),
        ):
            status, out, err = self.run_command("schema", *arguments)
            self.assertEqual((status, out, err.count("\n")), (1, "", 1), err)
            self.assertIn(told, err)
        status, _, err = self.run_command("schema", "--write", "")
        self.assertEqual(status, 2)
        self.assertIn("expected a directory, got nothing", err)

    def test_check_of_anything(self) -> None:
        """--check compares whatever is there, also what is no text."""
        directory = self.state / "garbage"
        directory.mkdir(parents=True)
        (directory / "asyncapi.json").write_bytes(b"\xff\n")
        status, out, err = self.run_command("schema", "--check", str(directory))
        self.assertEqual((status, err.count("\n")), (1, 1))
        self.assertIn("-\ufffd\n", out)
