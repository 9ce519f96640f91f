"""The examples of docs/protocol-v1.0.ko.md, taken out of it.

`python -m tests.law > assa/spec/examples/v1.0.json` writes them down for the package, which has no documents;
a test compares the two.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from tests.integration.server import ROOT

TWO_SIDED = ("SDP", "ICE_CANDIDATE", "SERVER_ANNOUNCEMENT", "PING", "PONG")
"""Said by client and server under one name."""
SKELETONS = ("ACTION_TYPE", "ACTION_RESPONSE")
"""The actions of §2.1 and §2.3, which stand for all."""


def blocks() -> list[dict[str, Any]]:
    """Return every JSON block in its order, without the two comments that stand for data."""
    text = (ROOT / "docs" / "protocol-v1.0.ko.md").read_text("utf-8")
    found = re.findall(r"^```json\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [json.loads(re.sub(r"^\s*//.*$", "", one, flags=re.MULTILINE)) for one in found]


def name_of(message: dict[str, Any]) -> str:
    """Return the name of the schema of a message of v1.0."""
    action: str = message["action"]
    if action not in TWO_SIDED:
        return action
    from_client = action == "PONG" or "user_id" in message
    return f"{action}.{'request' if from_client else 'event'}"


def examples() -> dict[str, list[dict[str, Any]]]:
    """Return the examples by name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for one in blocks():
        if one["action"] not in SKELETONS:
            found.setdefault(name_of(one), []).append(one)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(examples(), ensure_ascii=False, indent=2) + "\n")
