"""Limits and timers of the protocol (§10) as one frozen class, units in the names."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Limits:
    """Every bound of section 10 and of v1.1, with the protocol's values as defaults."""

    text_characters: int = 5_000
    line_bytes: int = 1_048_576
    early_line_bytes: int = 16_384
    """Before CONNECT has succeeded."""
    discarded_line_bytes: int = 4_194_304
    """A line that grows past this without its LF closes the connection."""
    file_bytes: int = 10_485_760
    sdp_bytes: int = 131_072
    candidate_bytes: int = 4_096
    connections: int = 1_000
    unauthenticated_connections: int = 1_000
    connections_per_user: int = 10
    failed_connects: int = 3
    connect_timeout_s: float = 30.0
    ping_interval_s: float = 30.0
    pong_timeout_s: float = 60.0
    answer_timeout_s: float = 9.0
    session_retention_s: float = 60.0
    empty_video_room_s: float = 300.0
    token_warning_s: float = 60.0
    token_grace_s: float = 25.0
    outgoing_bytes: int = 1_048_576
    window_requests: int = 16
    replay_events: int = 1_000
    replay_bytes: int = 8_388_608
    """More than this is not replayed either: it would all have to be in memory at once."""
    event_retention_s: float = 7 * 86_400.0
    shutdown_s: float = 10.0
