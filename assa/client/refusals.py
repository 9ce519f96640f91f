"""What can become of a request instead of an answer."""

from __future__ import annotations


class Rejected(Exception):  # noqa: N818 - an answer of the protocol, not a defect
    """The server refused a request (§9.1), or told of an error without one.

    Args:
        code: The `error_code`, such as ``ROOM_NOT_FOUND``; newer servers may have new ones.
        message: The server's text for people.
        details: What was wrong, for developers; may be empty.
        retry_after_ms: Milliseconds after which trying again makes sense, where it does.
    """

    def __init__(
        self, code: str, message: str = "", details: str = "", *, retry_after_ms: int | None = None
    ) -> None:
        super().__init__(code, message, details)
        self.code = code
        self.message = message
        self.details = details
        self.retry_after_ms = retry_after_ms

    def __str__(self) -> str:
        words = ": ".join(part for part in (self.code, self.message) if part)
        return f"{words} ({self.details})" if self.details else words


class NoAnswer(Exception):  # noqa: N818 - the network's doing
    """The server did not answer within 10 s (§10.2); the request may have taken effect."""


class Disconnected(Exception):  # noqa: N818 - the network's doing
    """There is no connection, or it was lost before the answer came; the text says why."""


class BadAnswer(Exception):  # noqa: N818 - the server's doing
    """An answer came that has not the form of the protocol; the request may have taken effect."""
