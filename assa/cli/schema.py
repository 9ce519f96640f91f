"""``assa schema``: the protocol as JSON Schemas, AsyncAPI document, TypeScript types or reference."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from assa.cli.options import CommandError, Commands, add_command
from assa.spec.asyncapi import document
from assa.spec.catalogue import VERSIONS, catalogue
from assa.spec.publishing import as_json, differences, write
from assa.spec.reference import reference
from assa.spec.schemas import schema_of
from assa.spec.typescript import types
from assa.spec.words import LANGUAGES

_FORMATS = ("jsonschema", "asyncapi", "typescript", "reference")
_DESCRIPTION = """\
Print the protocol for machines or for readers, as this server has it.

jsonschema   the JSON Schema (2020-12) of a MESSAGE; without one the names of all messages
asyncapi     the AsyncAPI 3 document
typescript   TypeScript types
reference    the reference, in reStructuredText

A MESSAGE is named as on the wire, as SEND_MESSAGE, SEND_MESSAGE_RESPONSE or NEW_MESSAGE. Where client
and server say different things under one name, it is SDP.request or SDP.event. The JSON Schemas come
in two versions of the protocol, the rest is of version 1.1.

The schema of a request is its form: what is not of that form is refused with INVALID_MESSAGE. The rules
that have a code of their own, such as MESSAGE_TOO_LONG, are in its descriptions."""
_EPILOG = """\
examples:
  assa schema SEND_MESSAGE
  assa schema --version 1.0 --language ko CONNECT_RESPONSE
  assa schema --format typescript > assa.d.ts
  assa schema --write schemas

exit status: 0 done, 1 no such message, or --check found a difference, 2 wrong command line"""


def add(commands: Commands) -> None:
    """Describe the command."""
    parser = add_command(
        commands, "schema", _run, summary="print the protocol", description=_DESCRIPTION, epilog=_EPILOG
    )
    parser.add_argument("message", nargs="?", metavar="MESSAGE", help="of which the schema is printed")
    parser.add_argument("--format", choices=_FORMATS, default="jsonschema", help="default: jsonschema")
    parser.add_argument(
        "--version", choices=VERSIONS, default=VERSIONS[-1], help="of the protocol; default: %(default)s"
    )
    parser.add_argument(
        "--language", choices=LANGUAGES, default="en", help="of the descriptions; default: %(default)s"
    )
    whole = parser.add_mutually_exclusive_group()
    whole.add_argument(
        "--write", type=_directory, metavar="DIR", help="write all but the reference into a directory instead"
    )
    whole.add_argument(
        "--check",
        type=_directory,
        metavar="DIR",
        help="print how a directory differs from what --write writes",
    )


def _directory(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("expected a directory, got nothing")
    return Path(text)


def _run(arguments: argparse.Namespace) -> None:
    if arguments.write is not None:
        sys.stdout.writelines(f"{path}\n" for path in _done(write, arguments.write))
    elif arguments.check is not None:
        found = _done(differences, arguments.check)
        sys.stdout.writelines(found)
        if found:
            raise CommandError(f"{arguments.check}: not what the classes of the protocol say")
    else:
        sys.stdout.write(_made(arguments))


def _done(work: Callable[[Path], Iterable[Any]], directory: Path) -> list[Any]:
    try:
        return list(work(directory))
    except OSError as wrong:
        raise CommandError(f"{wrong.filename or directory}: {wrong.strerror}") from None


def _made(arguments: argparse.Namespace) -> str:
    if arguments.format != "jsonschema" and (arguments.message or arguments.version != VERSIONS[-1]):
        raise CommandError("MESSAGE and --version 1.0 go with --format jsonschema")
    match arguments.format:
        case "asyncapi":
            return as_json(document(arguments.language))
        case "typescript":
            return types(arguments.language)
        case "reference":
            return reference(arguments.language)
    messages = catalogue(arguments.version)
    if arguments.message is None:
        return "".join(f"{name}\n" for name in messages)
    if arguments.message not in messages:
        both = [name for name in messages if name.startswith(f"{arguments.message}.")]
        hint = f": say {' or '.join(both)}" if both else f" in version {arguments.version}"
        raise CommandError(f"no message {arguments.message}{hint}")
    return as_json(schema_of(messages[arguments.message], arguments.version, arguments.language))
