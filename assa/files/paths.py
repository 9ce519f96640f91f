"""The form of the paths that this server gives to files: below ``/storage/u/``, not to be guessed."""

from __future__ import annotations

import re
import secrets
from typing import Final

from assa.content import IMAGE_TYPES

_DIRECTORY: Final = "u/"
_ID_BYTES: Final = 16
_EXTENSIONS: Final = {
    one: "jpg" if one == "image/jpeg" else one.removeprefix("image/") for one in IMAGE_TYPES
}


class Paths:
    """Makes paths and tells those that it makes from others.

    Args:
        prefix: What every path begins with; it ends with a slash.
    """

    def __init__(self, prefix: str) -> None:
        self._start = prefix + _DIRECTORY
        endings = "|".join(_EXTENSIONS.values())
        self._form = re.compile(rf"{re.escape(self._start)}[A-Za-z0-9_-]{{22}}\.(?:{endings})")

    def new(self, mime_type: str) -> str:
        """Return a path for a file of one of the protocol's types."""
        return f"{self._start}{secrets.token_urlsafe(_ID_BYTES)}.{_EXTENSIONS[mime_type]}"

    def made(self, path: str) -> bool:
        """Return whether a path has the form of those that are made here."""
        return self._form.fullmatch(path) is not None
