"""What tries the rules, a module an area of the protocol; importing this package registers them all."""

from assa.conformance.cases import (
    calls,
    connecting,
    errors,
    inviting,
    leaving,
    lines,
    messages,
    reading,
    relays,
    resuming,
    rooms,
    sizes,
    system,
)

__all__ = [
    "calls",
    "connecting",
    "errors",
    "inviting",
    "leaving",
    "lines",
    "messages",
    "reading",
    "relays",
    "resuming",
    "rooms",
    "sizes",
    "system",
]
