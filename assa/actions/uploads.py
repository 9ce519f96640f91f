"""REQUEST_UPLOAD (v1.1, section 6): where to put a file that a message, or a profile, is to show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from assa.content import check_file
from assa.errors import Code, Refused
from assa.protocol.uploads import RequestUpload, UploadRequested
from assa.registry import Actions, Context
from assa.storage import rooms
from assa.wire import iso

if TYPE_CHECKING:
    from assa.files.service import Files
    from assa.storage import Transaction
    from assa.storage.files import File

actions = Actions()


@actions.on(RequestUpload)
async def request_upload(ctx: Context, request: RequestUpload) -> UploadRequested:
    """Give a member of a room an address to upload a file to.

    Raises:
        Refused: ROOM_NOT_FOUND, USER_NOT_IN_ROOM, FILE_UPLOAD_FAILED.
    """
    files = ctx.services.files
    if files is None:
        raise Refused(Code.FILE_UPLOAD_FAILED, "uploads are off here")
    rule = check_file(request.file_name, request.file_size, request.mime_type, ctx.services.limits)
    wrong = None if rule is None else Refused(Code.FILE_UPLOAD_FAILED, f"data.{rule}")
    planned = files.planned(
        ctx.user_id,
        request.room_id,
        name=request.file_name,
        size=request.file_size,
        mime_type=request.mime_type,
    )
    upload_url = await ctx.store.run(_expect, files, planned, wrong)
    return UploadRequested(
        upload_url=upload_url, file_path=planned.file_path, expires_at=iso(planned.expires_at_ms)
    )


async def _expect(tx: Transaction, files: Files, planned: File, wrong: Refused | None) -> str:
    if planned.room_id is not None:
        await rooms.find_for_member(tx, planned.room_id, planned.user_id)
    if wrong is not None:
        raise wrong
    return await files.expect(tx, planned)
