"""What operators see of connections, users and rooms: no token, no session's id, no message's text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from assa.wire import iso

if TYPE_CHECKING:
    from collections.abc import Sequence

    from assa.connection import Connection
    from assa.node import Node
    from assa.storage.admin import Account, Counts, Member, Room, Session
    from assa.visits import Close

_SHOWN: Final = 6
"""Characters of a session's id: enough to tell sessions apart, and none to resume one with."""


def connection_id(node: Node, number: int) -> str:
    """Return the name of a connection, which is no secret."""
    return f"{node.services.node}-{number}"


def shown(session_id: str) -> str | None:
    """Return what may be shown of a session's id."""
    return f"{session_id[:_SHOWN]}…" if session_id else None


def of_connection(node: Node, connection: Connection) -> dict[str, Any]:
    """Describe a connection of this node."""
    session = connection.session
    visit, identity = session.visit, session.identity
    channels = node.hub.channels(session)
    return {
        "connection_id": connection_id(node, visit.number),
        "session": shown(session.session_id),
        "user_id": identity and identity.user_id,
        "nickname": identity and identity.nickname,
        "device_id": session.device_id,
        "front": connection.kind,
        "address": connection.address,
        "state": session.state,
        "since": _at(node, visit.opened),
        "last_heard": _at(node, visit.heard_at),
        "requests": visit.requests,
        "queued_bytes": connection.queued,
        "clogged": connection.clogged,
        "rooms": sum(channel.startswith("room:") for channel in channels),
    }


def _at(node: Node, monotonic: float) -> str:
    return iso(node.now_ms() - int((node.monotonic() - monotonic) * 1000))


def of_close(close: Close) -> dict[str, Any]:
    """Describe the end of a connection."""
    return {
        "at": iso(close.at_ms),
        "reason": close.reason,
        "front": close.front,
        "address": close.address,
        "duration_s": round(close.duration_s, 3),
        "requests": close.requests,
    }


def of_user(node: Node, account: Account, sessions: Sequence[Session]) -> dict[str, Any]:
    """Describe a user and his sessions on all nodes."""
    retention_ms = int(node.limits.session_retention_s * 1000)
    return {
        "user_id": account.user_id,
        "nickname": account.nickname,
        "active": account.active,
        "online": any(one.node is not None for one in sessions),
        "last_connect": iso(account.seen_at),
        "rooms": account.rooms,
        "node": node.services.node,
        "sessions": [_of_session(one, retention_ms) for one in sessions],
    }


def _of_session(session: Session, retention_ms: int) -> dict[str, Any]:
    dropped = session.dropped_at
    return {
        "session": shown(session.session_id),
        "state": "dropped" if session.node is None else "connected",
        "node": session.node,
        "device_id": session.device_id,
        "connections": session.attachment,
        "connected_since": iso(session.connected_at),
        "dropped_since": None if dropped is None else iso(dropped),
        "resumable_until": None if dropped is None else iso(dropped + retention_ms),
    }


def of_room(room: Room) -> dict[str, Any]:
    """Describe a room."""
    return {
        "room_id": room.room_id,
        "name": room.name,
        "is_open": room.is_open,
        "members_count": room.members,
        "max_participants": room.max_participants,
        "host_user_id": room.host_user_id,
        "created_at": iso(room.created_at),
        "last_message_at": None if room.last_message_at is None else iso(room.last_message_at),
    }


def of_whole_room(room: Room, members: Sequence[Member], counts: Counts) -> dict[str, Any]:
    """Describe a room with its members."""
    return of_room(room) | {
        "members": [
            {
                "user_id": one.user_id,
                "nickname": one.nickname,
                "role": "host" if one.user_id == room.host_user_id else "member",
                "joined_at": iso(one.joined_at),
                "connections": one.connections,
            }
            for one in members
        ],
        "messages": counts.messages,
        "invitations": counts.invitations,
        "video_rooms": counts.video_rooms,
    }
