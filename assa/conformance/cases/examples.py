"""What several cases send."""

from __future__ import annotations

from typing import Any, Final

from assa.conformance.messages import Json

NOWHERE: Final = 2**31 - 1
"""The id of a room that nobody has made."""
FILE: Final[Json] = {
    "file_path": "/storage/messages/image_001.jpg",
    "file_name": "photo.jpg",
    "file_size": 1_024_000,
    "mime_type": "image/jpeg",
}
"""The file of §5.2."""


def text(room_id: int, content: str, **more: Any) -> Json:
    """Return the data of a text message (§5.1)."""
    return {"room_id": room_id, "content": content, "message_type": "text"} | more


def image(room_id: int, **wrong: Any) -> Json:
    """Return the data of an image (§5.2), with other fields in its `file_info`."""
    return {"room_id": room_id, "content": "", "message_type": "image", "file_info": FILE | wrong}
