"""What others' programs make of the published files: AsyncAPI's parser, Ajv, TypeScript's compiler."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest

from assa.spec.catalogue import Kind, answers_to, catalogue
from assa.spec.examples import shown
from tests.integration.server import ROOT
from tests.javascript import SCRIPTS, node
from tests.published import names
from tests.typescript import built

PUBLISHED = ROOT / "assa" / "spec" / "published"
PARSER = "@asyncapi/parser@3.6"
TIMEOUT_S = 120


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what AsyncAPI's parser and Ajv, which comes with it, say of the published files."""
    program, npm = node(), shutil.which("npm")
    if npm is None:
        raise SkipTest("no npm here: `apt install npm`")
    here = tmp_path_factory.mktemp("asyncapi")
    options = ["--no-audit", "--no-fund", "--silent", "--ignore-scripts"]
    done = run(npm, "install", *options, "--prefix", str(here), PARSER)
    if done.returncode:
        raise SkipTest(f"npm cannot install {PARSER}: {done.stdout[-300:]}")
    script = here / "check.mjs"
    script.write_text((SCRIPTS / "spec" / "check.mjs").read_text())
    done = run(program, str(script), str(PUBLISHED))
    assert done.returncode == 0, done.stdout
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, check=False
    )


def test_asyncapi_is_valid(found: dict[str, Any]) -> None:
    """AsyncAPI's own parser has no complaint but that there is a newer version of AsyncAPI."""
    said = found["asyncapi"]
    assert [one for one in said["complaints"] if one["code"] != "asyncapi-latest-version"] == []
    assert (said["version"], sorted(said["servers"])) == ("3.0.0", ["tcp", "ws"])


def test_asyncapi_has_every_operation(found: dict[str, Any]) -> None:
    """It knows every request with its answers, and every event."""
    operations = {name: rest for name, *rest in found["asyncapi"]["operations"]}
    messages = catalogue("1.1")
    asked = {name for name, one in messages.items() if one.kind is Kind.REQUEST}
    said = {name for name, one in messages.items() if one.kind is not Kind.REQUEST and not one.asked}
    assert operations.keys() == asked | said
    for name, (action, of, answers) in operations.items():
        assert (action, of) == ("receive" if name in asked else "send", [name])
        expected = [one.name for one in answers_to(messages[name], "1.1")] if name in asked else []
        assert answers == expected, name
    assert operations["CONNECT"][2] == ["CONNECT_RESPONSE"]
    assert operations["SDP.request"][2] == ["ERROR"]


def test_schemas_under_ajv(found: dict[str, Any]) -> None:
    """Ajv in its strict mode takes every schema, and every example by it."""
    assert found["schemas"]["complaints"] == []
    examples = sum(len(shown(version, name)) for version in ("1.0", "1.1") for name in names(version))
    assert found["schemas"]["examples"] == examples


def test_typescript(tmp_path: Path) -> None:
    """The types compile with assa.js, what is right is taken, each mistake is found (`@ts-expect-error`)."""
    compiler = built() / "node_modules" / "typescript" / "bin" / "tsc"
    shutil.copytree(ROOT / "assa" / "web" / "assa", tmp_path / "assa")
    shutil.copy(PUBLISHED / "assa.d.ts", tmp_path)
    shutil.copy(SCRIPTS / "spec" / "usage.ts", tmp_path)
    options = [
        "--noEmit",
        "--strict",
        "--exactOptionalPropertyTypes",
        "--noUncheckedIndexedAccess",
        "--allowJs",
    ]
    options += ["--target", "es2022", "--module", "nodenext", "--allowImportingTsExtensions"]
    done = run(node(), str(compiler), *options, str(tmp_path / "usage.ts"))
    assert done.returncode == 0, done.stdout
