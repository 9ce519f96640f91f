"""The command `assa conformance` and a real server: a process, sockets, a database, its default limits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.integration import tls
from tests.integration.conftest import Figures
from tests.integration.nodes import cluster
from tests.integration.plain import SECRET, token
from tests.integration.server import LOOPBACK, ROOT, free_port, running

_COMMAND = [sys.executable, "-m", "assa", "conformance"]
_TIMEOUT_S = 120


def try_it(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [*_COMMAND, *arguments],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **environment},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )


def test_the_real_server_passes(tmp_path: Path, figures: Figures) -> None:
    """Every rule that does not wait for timers holds; JUnit XML says so."""
    secret, report = tmp_path / "secret", tmp_path / "report.xml"
    secret.write_text(f"{SECRET}\n")
    with running() as server:
        target = f"{LOOPBACK}:{server.address[1]}"
        tried = try_it(target, "--secret-file", str(secret), "--format", "junit", "--output", str(report))
        assert (tried.returncode, tried.stderr) == (0, ""), tried.stdout + report.read_text()
        assert "Unhandled" not in server.log
    root = ET.parse(report).getroot()  # noqa: S314 - written by the command
    assert root.get("failures") == "0"
    held = int(root.get("tests", "0")) - int(root.get("skipped", "0"))
    assert held > 250
    figures(f"{held} of {root.get('tests')} rules hold")


def test_two_nodes_pass(figures: Figures) -> None:
    """Two nodes on one PostgreSQL and one port, between which the users are spread, are as one server."""
    port = free_port()
    shared = f"tcp:{port}:interface={LOOPBACK}:backlog=1024"
    parts = [word for part in ("5", "6", "7") for word in ("--section", part)]
    with cluster(2, listen=[shared], server__reuse_port=True) as servers:
        tried = try_it(f"{LOOPBACK}:{port}", *parts, ASSA_CONFORMANCE_SECRET=SECRET)
        assert (tried.returncode, tried.stderr) == (0, ""), tried.stdout
        users = [server.log.count("was closed: DISCONNECT") for server in servers]
    assert min(users) > 20
    figures(f"{users[0]} and {users[1]} connections at two nodes: {tried.stdout.splitlines()[-1]}")


def test_given_tokens(tmp_path: Path) -> None:
    """With the tokens of three users only the rest is tried; JSON says what was not."""
    tokens = tmp_path / "tokens"
    tokens.write_text("\n".join(token(user_id) for user_id in (11, 12, 13)))
    with running() as server:
        target = f"{LOOPBACK}:{server.address[1]}"
        sections = ("--section", "3.1", "--section", "5.1", "--version", "1.0", "--format", "json")
        tried = try_it(target, "--tokens", str(tokens), *sections)
        assert (tried.returncode, tried.stderr) == (0, ""), tried.stdout
    outcomes = {rule["name"]: rule["outcome"] for rule in json.loads(tried.stdout)["rules"]}
    assert outcomes["expired_token"] == "not tried"
    assert outcomes["reaches_every_other_member"] == "holds"


def test_wrong_secret() -> None:
    """A server that takes none of the tokens: one line, status 2, and no word on a secret that is short."""
    with running() as server:
        target = f"{LOOPBACK}:{server.address[1]}"
        for secret in ("x" * 40, "short"):
            tried = try_it(target, ASSA_CONFORMANCE_SECRET=secret)
            assert (tried.returncode, tried.stdout, tried.stderr.count("\n")) == (2, "", 1), tried.stderr
            assert "CONNECT is refused with INVALID_TOKEN" in tried.stderr


def test_tls(tmp_path: Path) -> None:
    """With --tls the certificate is verified; with one that nobody has signed there is no connection."""
    pem, port = tls.certificate(tmp_path), free_port()
    trusted = {"SSL_CERT_FILE": str(pem), "ASSA_CONFORMANCE_SECRET": SECRET}
    with running(listen=[tls.endpoint(port, pem)]):
        tried = try_it(f"localhost:{port}", "--tls", "--section", "2", **trusted)
        assert tried.returncode == 0, tried.stdout + tried.stderr
        tried = try_it(f"localhost:{port}", "--tls", "--section", "2", ASSA_CONFORMANCE_SECRET=SECRET)
        assert (tried.returncode, tried.stdout) == (2, "")
        assert "certificate" in tried.stderr


@pytest.mark.parametrize("target", [f"{LOOPBACK}:1", "nowhere.invalid:12345"])
def test_not_reachable(target: str) -> None:
    """Nobody listens there: one line, status 2."""
    tried = try_it(target, "--secret", SECRET)
    assert (tried.returncode, tried.stdout, tried.stderr.count("\n")) == (2, "", 1), tried.stderr
