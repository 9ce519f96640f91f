"""The actions of the protocol, one module an area."""

from __future__ import annotations

from assa.actions import connection, history, invitations, messages, rooms, signalling, system, video
from assa.registry import Actions

ALL = Actions.joined(
    *(area.actions for area in (connection, rooms, messages, history, invitations, video, signalling, system))
)
"""Every action of the protocol but PING and PONG, which the session answers itself."""
