"""Uploads (v1.1, section 6)."""

from __future__ import annotations

from attrs import frozen

from assa.protocol.base import Request
from assa.schema import Id, RawText


@frozen(kw_only=True)
class UploadRequested:
    """v1.1: one PUT of the bytes goes to `upload_url`; `file_path` is what a message refers to then."""

    upload_url: str
    file_path: str
    expires_at: str


@frozen(kw_only=True)
class RequestUpload(Request[UploadRequested]):
    """v1.1; without a room (null) the file becomes the profile image of whoever uploads it."""

    action = "REQUEST_UPLOAD"
    since = "1.1"
    room_id: Id | None
    file_name: RawText
    file_size: int
    mime_type: RawText
