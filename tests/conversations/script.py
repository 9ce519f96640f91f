"""Reads conversations: text in, steps out."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from attrs import field, frozen

HERE = Path(__file__).parent


@frozen(kw_only=True)
class Step:
    """One line of a script, with the lines that belong to it."""

    line: int
    text: str


@frozen(kw_only=True)
class Person(Step):
    """Somebody who has tokens."""

    name: str
    user_id: int
    nickname: str
    profile_image: str | None
    scope: str | None


@frozen(kw_only=True)
class Does(Step):
    """Something happens to a connection: opens, connects, drops, hears nothing, is closed."""

    name: str
    what: str


@frozen(kw_only=True)
class Sends(Step):
    """A client sends a message."""

    name: str
    example: str | None
    message: Any


@frozen(kw_only=True)
class Hears(Step):
    """A client hears a message."""

    name: str
    example: str | None
    message: Any


@frozen(kw_only=True)
class Passes(Step):
    """Time passes."""

    seconds: float


@frozen(kw_only=True)
class TokensLast(Step):
    """Tokens get another lifetime."""

    seconds: float


@frozen(kw_only=True)
class Script:
    """A conversation."""

    path: Path
    steps: list[Step] = field(factory=list)

    @property
    def examples(self) -> set[str]:
        """Return the examples of the document that are played."""
        return {step.example for step in self.steps if isinstance(step, Sends | Hears) and step.example}


class ScriptError(Exception):
    """A script cannot be read."""


_NAME = r"(?P<name>[a-z]+(\.[a-z]+)?)"
_PERSON = re.compile(
    r"person (?P<name>[a-z]+) (?P<user_id>\d+) (?P<nickname>\S+)(?P<profile_image> /\S+)?(?P<scope> [a-z]+)?"
)
_ARROW = re.compile(_NAME + r" (?P<arrow>->|<-)( (?P<example>\d\.\d-[a-z]+))?")
_DOES = re.compile(_NAME + r" (?P<what>opens|connects|drops|hears nothing|is closed)")
_PASSES = re.compile(r"(?P<seconds>[\d.]+) s pass")
_TOKENS = re.compile(r"tokens last (?P<seconds>[\d.]+) s")


def _blocks(path: Path) -> list[tuple[int, str, str]]:
    """Return each step with the number of its line, its line and the indented lines after it."""
    blocks: list[tuple[int, str, str]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(" "):
            if not blocks:
                raise ScriptError(f"{path.name}:{number}: an indented line belongs to no step")
            first, head, body = blocks[-1]
            blocks[-1] = (first, head, f"{body}{line}\n")
        else:
            blocks.append((number, line.rstrip(), ""))
    return blocks


def _arrow(found: re.Match[str], line: int, text: str, body: str) -> Step:
    kind = Sends if found["arrow"] == "->" else Hears
    message = json.loads(body)
    return kind(line=line, text=text, name=found["name"], example=found["example"], message=message)


def _step(line: int, text: str, body: str) -> Step | None:
    if found := _ARROW.fullmatch(text):
        return _arrow(found, line, text, body)
    if body:
        return None
    if found := _PERSON.fullmatch(text):
        return Person(
            line=line,
            text=text,
            name=found["name"],
            user_id=int(found["user_id"]),
            nickname=found["nickname"],
            profile_image=(found["profile_image"] or "").strip() or None,
            scope=(found["scope"] or "").strip() or None,
        )
    if found := _DOES.fullmatch(text):
        return Does(line=line, text=text, name=found["name"], what=found["what"])
    if found := _PASSES.fullmatch(text):
        return Passes(line=line, text=text, seconds=float(found["seconds"]))
    if found := _TOKENS.fullmatch(text):
        return TokensLast(line=line, text=text, seconds=float(found["seconds"]))
    return None


def read(path: Path) -> Script:
    """Read a script.

    Raises:
        ScriptError: A line is not understood.
    """
    script = Script(path=path)
    for line, text, body in _blocks(path):
        try:
            step = _step(line, text, body)
        except json.JSONDecodeError as wrong:
            raise ScriptError(f"{path.name}:{line + wrong.lineno}: {wrong.msg}") from None
        if step is None:
            raise ScriptError(f"{path.name}:{line}: not understood: {text}")
        script.steps.append(step)
    return script


def scripts() -> list[Path]:
    """Return the files of all conversations."""
    return sorted(HERE.glob("*.conv"))


def examples() -> dict[str, Any]:
    """Return the examples of the document by name."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(HERE.glob("examples/*-*.json"))
    }


def additions() -> dict[str, list[str]]:
    """Return the fields that v1.1 adds to an example, as paths; one with `?` need not be there."""
    added: dict[str, list[str]] = json.loads(HERE.joinpath("examples/additions.json").read_text("utf-8"))
    return added
