"""The actions of the protocol, one module an area."""

from __future__ import annotations

from assa.actions import (
    connection,
    history,
    invitations,
    messages,
    receipts,
    rooms,
    signalling,
    system,
    uploads,
    video,
)
from assa.registry import Actions

_AREAS = (connection, rooms, messages, receipts, history, invitations, video, signalling, system, uploads)
ALL = Actions.joined(*(area.actions for area in _AREAS))
"""Every action of the protocol but PING and PONG, which the session answers itself."""
