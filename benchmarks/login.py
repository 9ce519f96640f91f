"""Who the clients say they are, and whether a server lets them in."""

import json
import secrets
import socket
import time
from functools import cache

import jwt

SECRET = secrets.token_hex(32)
TOKEN_SECONDS = 3600
PROBE_USER = 900_000  # one that the load never is
PROBE_SECONDS = 5.0


@cache
def token(user_id: int) -> str:
    """Return a login token for a user."""
    claims = {"user_id": user_id, "nickname": f"사용자{user_id}", "exp": int(time.time()) + TOKEN_SECONDS}
    return jwt.encode(claims, SECRET, algorithm="HS256")


def request(action: str, data: dict[str, object]) -> bytes:
    """Return a line of ASSA's protocol."""
    fields = {"action": action, "data": data, "timestamp": "2026-01-01T12:00:00.000Z", "seq_id": action}
    return json.dumps(fields).encode() + b"\n"


def assa_admits(port: int) -> bool:
    """Log in to ASSA, which listens before its database is ready, and out again; return whether it let us."""
    device = {"platform": "android", "app_version": "1.0.0", "device_id": "probe"}
    login = request("CONNECT", {"jwt_token": token(PROBE_USER), "device_info": device})
    with socket.create_connection(("127.0.0.1", port), PROBE_SECONDS) as connection:
        connection.sendall(login)
        with connection.makefile("rb") as lines:
            admitted = bool(json.loads(lines.readline() or b"{}").get("success"))
            if admitted:
                connection.sendall(request("DISCONNECT", {"reason": "ready"}))
                while lines.readline():
                    pass
    return admitted
