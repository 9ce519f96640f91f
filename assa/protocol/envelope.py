"""What stands around every request and in every failure (§2.1, §9.1)."""

from __future__ import annotations

from typing import Annotated, Any, Final

from attrs import frozen

from assa.protocol.base import Added
from assa.schema import Id, IsoTime, Length, omitted

ACTION_CHARACTERS: Final = 64
SEQ_ID_CHARACTERS: Final = 128


@frozen(kw_only=True)
class Envelope:
    """The fields around every request (§2.1)."""

    action: Annotated[str, Length(1, ACTION_CHARACTERS)]
    timestamp: Annotated[str, IsoTime()]
    seq_id: Annotated[str, Length(1, SEQ_ID_CHARACTERS)]
    data: dict[str, Any] | None = None
    user_id: Id | None = None
    session_id: Annotated[str, Length(0, 128)] | None = None


@frozen(kw_only=True)
class ErrorData:
    """The data of ERROR (§9.1); `retry_after_ms` where trying again makes sense."""

    original_action: str | None
    error_details: str
    retry_after_ms: Added[int | None] = omitted()


@frozen(kw_only=True)
class ConnectErrorData:
    """The data of a CONNECT_RESPONSE that tells of a failure, which v1.0 shows without any (§3.1)."""

    error_details: Added[str | None] = omitted()
    retry_after_ms: Added[int | None] = omitted()
