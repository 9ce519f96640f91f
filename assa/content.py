"""What a message may contain (§5.1, §5.2, §10.1)."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Final

from assa.errors import Code, Refused

if TYPE_CHECKING:
    from assa.limits import Limits
    from assa.protocol.shapes import FileInfo

IMAGE_TYPES: Final = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/heic")
_NAME_CHARACTERS: Final = 255
_PATH_CHARACTERS: Final = 1024
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NOT_BARE: Final = re.compile(r"[/\\\x00-\x1f\x7f-\x9f]")


def check_content(
    message_type: str, content: str, file_info: FileInfo | None, limits: Limits, files_prefix: str
) -> Refused | None:
    """Return what a message's content is refused for, or None.

    Args:
        message_type: Text or image, else INVALID_MESSAGE_TYPE.
        content: A text, or an image's caption.
        file_info: Of an image, else ignored.
        limits: Characters of a text, bytes of a file.
        files_prefix: What every `file_path` starts with.
    """
    if message_type not in ("text", "image"):
        return Refused(Code.INVALID_MESSAGE_TYPE, "data.message_type: expected one of text, image")
    if len(content) > limits.text_characters:
        return Refused(
            Code.MESSAGE_TOO_LONG, f"data.content: expected at most {limits.text_characters} characters"
        )
    if message_type == "text":
        if not content.strip():
            return Refused(Code.INVALID_MESSAGE, "data.content: expected a text that is not blank")
        return None
    rule = (
        "file_info: required for an image"
        if file_info is None
        else _file_rule(file_info, limits, files_prefix)
    )
    return None if rule is None else Refused(Code.FILE_UPLOAD_FAILED, f"data.{rule}")


def _file_rule(file: FileInfo, limits: Limits, prefix: str) -> str | None:
    """Return the rule that a file breaks, or None."""
    path = file.file_path
    if not path.startswith(prefix) or path == prefix or posixpath.normpath(path) != path or "\\" in path:
        return f"file_info.file_path: expected a normalised path below {prefix}"
    if len(path) > _PATH_CHARACTERS or _CONTROL.search(path):
        return (
            f"file_info.file_path: expected at most {_PATH_CHARACTERS} characters and no control characters"
        )
    rule = check_file(file.file_name, file.file_size, file.mime_type, limits)
    return rule and f"file_info.{rule}"


def check_file(name: str, size: int, mime_type: str, limits: Limits) -> str | None:
    """Return the rule that a file breaks by what is said of it, or None.

    Args:
        name: A bare one.
        size: Bytes.
        mime_type: One of `IMAGE_TYPES`.
        limits: Bytes of a file.
    """
    if not name.strip(" .") or len(name) > _NAME_CHARACTERS or _NOT_BARE.search(name):
        return f"file_name: expected a bare name of at most {_NAME_CHARACTERS} characters"
    if not 1 <= size <= limits.file_bytes:
        return f"file_size: expected 1 to {limits.file_bytes} bytes"
    if mime_type not in IMAGE_TYPES:
        return f"mime_type: expected one of {', '.join(IMAGE_TYPES)}"
    return None
