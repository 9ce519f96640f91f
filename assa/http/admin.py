"""``/admin``: a JSON API for operators, with a token of the scope `admin` (``Authorization: Bearer``).

========================================== ============================================================
``POST /admin/announcements``              ``{title, message, priority, announcement_type}``
``GET /admin/connections``                 those of this node; ``?user_id=&limit=&after=``
``DELETE /admin/connections/CONNECTION``   closes one, resumably; ``?reason=`` goes to the client
``GET /admin/users/USER``                  his sessions on all nodes, and why he was closed on this one
``GET /admin/rooms``                       ``?limit=&after=``
``GET /admin/rooms/ROOM``                  with its members
========================================== ============================================================
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Coroutine, Mapping
from heapq import nsmallest
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from attrs import asdict, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from assa.changes import announcing
from assa.errors import Code, Refused
from assa.http import access, overview
from assa.http.problems import Unserved, answer, refuse
from assa.http.request import BODY_BYTES
from assa.protocol import Announce
from assa.schema import LAST_ID, structure
from assa.storage import Unavailable
from assa.storage import admin as queries

if TYPE_CHECKING:
    from twisted.web.server import Request

    from assa.auth import Identity
    from assa.connection import Connection, Connections

_LIMIT: Final = 100
_MOST: Final = 500
_CLOSES: Final = 20
_REASON_CHARACTERS: Final = 200
_RETRY_MS: Final = 1_000
_NUMBER: Final = re.compile("[0-9]{1,16}")


@frozen(kw_only=True)
class Asked:
    """What an operator asks.

    Args:
        by: The operator.
        target: The last part of the path where it names something, else empty.
        query: What comes after the question mark.
        body: The document that came with it.
    """

    by: Identity
    target: str = ""
    query: Mapping[str, str] = field(factory=dict)
    body: bytes = b""

    def expect(self, *names: str) -> None:
        """Raise Refused (INVALID_MESSAGE) if the query has others than these."""
        for name in self.query:
            if name not in names:
                raise Refused(Code.INVALID_MESSAGE, f"{name[:64]}: no such parameter")

    def number(self, name: str, usual: int, most: int = LAST_ID) -> int:
        """Return a number of the query.

        Raises:
            Refused: INVALID_MESSAGE.
        """
        text = self.query.get(name)
        if text is None:
            return usual
        if not _NUMBER.fullmatch(text) or int(text) > most:
            raise Refused(Code.INVALID_MESSAGE, f"{name}: expected an integer of 0 to {most}")
        return int(text)

    @property
    def target_number(self) -> int:
        """Return the number that the path ends in.

        Raises:
            Unserved: NOT_FOUND.
        """
        if not _NUMBER.fullmatch(self.target):
            raise Unserved(HTTPStatus.NOT_FOUND, "expected a number at the end of the path")
        return int(self.target)


class AdminResource(Resource):
    """The API.

    Args:
        connections: Those of the node.
    """

    isLeaf = True
    log = Logger()

    def __init__(self, connections: Connections) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._connections = connections
        self._node = connections.node
        self._routes: dict[tuple[str, bool], dict[str, Callable[[Asked], Coroutine[Any, Any, Any]]]] = {
            ("announcements", False): {"POST": self._announce},
            ("connections", False): {"GET": self._list_connections},
            ("connections", True): {"DELETE": self._close_connection},
            ("users", True): {"GET": self._explain_user},
            ("rooms", False): {"GET": self._list_rooms},
            ("rooms", True): {"GET": self._show_room},
        }
        """By the first part of the path and whether it has a second, then by method."""

    # --- HTTP ---

    def render(self, request: Request) -> int:
        """Answer, once it is known what."""
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)
        answered = Deferred.fromCoroutine(self._answer(request))
        answered.addCallback(lambda body: None if gone else _send(request, body))
        answered.addErrback(lambda failure: self.log.failure("an answer was not sent", failure))
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> bytes:
        try:
            document = await self._carry_out(request)
        except (Refused, Unserved) as wrong:
            return refuse(request, wrong)
        except Unavailable as wrong:
            self._node.unavailable(wrong)
            away = Refused(Code.SERVICE_UNAVAILABLE, "the database is away", retry_after_ms=_RETRY_MS)
            return refuse(request, away)
        except Exception:  # noqa: BLE001 - told with a number, as clients are
            defect = secrets.token_hex(8)
            self.log.failure("defect {defect} in the admin API", defect=defect)
            return refuse(request, Refused(Code.INTERNAL_ERROR, f"error {defect}"))
        return answer(request, HTTPStatus.OK, document)

    async def _carry_out(self, request: Request) -> Any:
        """Check who asks, then what, and do it."""
        by = access.admin(request, self._node.services.tokens)
        body = _body(request)  # now: it is gone when whoever asks hangs up meanwhile
        if not await self._node.services.store.run(queries.may_connect, by.user_id):
            raise Refused(Code.AUTH_FAILED, "the account is deactivated")
        path = [part.decode("utf-8", "replace") for part in request.postpath or () if part]
        by_method = self._routes.get((path[0], len(path) > 1)) if 0 < len(path) < 3 else None  # noqa: PLR2004 - the table's keys
        if by_method is None:
            raise Unserved(HTTPStatus.NOT_FOUND, "no such path below /admin")
        method = request.method.decode("latin-1")
        carry_out = by_method.get("GET" if method == "HEAD" else method)
        if carry_out is None:
            request.setHeader("Allow", ", ".join(by_method))
            raise Unserved(HTTPStatus.METHOD_NOT_ALLOWED, f"expected {' or '.join(by_method)}")
        target = path[1] if len(path) > 1 else ""
        return await carry_out(Asked(by=by, target=target, query=_query(request), body=body))

    # --- what can be asked ---

    async def _announce(self, asked: Asked) -> Any:
        asked.expect()
        try:
            document = orjson.loads(asked.body)
        except orjson.JSONDecodeError:
            raise Refused(Code.INVALID_MESSAGE, "body: expected JSON") from None
        announce = structure(Announce, document, "")
        store = self._node.services.store
        announced = await store.run(announcing.announce, announce, self._node.now_ms())
        self.log.info(
            "operator {user_id} announced to {recipients} connections",
            user_id=asked.by.user_id,
            recipients=announced.recipients,
        )
        return asdict(announced)

    async def _list_connections(self, asked: Asked) -> Any:
        asked.expect("user_id", "limit", "after")
        user_id, limit = asked.number("user_id", 0), asked.number("limit", _LIMIT, _MOST)
        after = self._number_of(asked.query["after"], "after") if "after" in asked.query else 0
        found = [
            one
            for one in self._connections
            if one.session.visit.number > after and (not user_id or _user_of(one) == user_id)
        ]
        listed = nsmallest(limit, found, key=lambda one: one.session.visit.number)
        described = [overview.of_connection(self._node, one) for one in listed]
        return {
            "node": self._node.services.node,
            "connections": described,
            "next": described[-1]["connection_id"] if described and len(found) > len(listed) else None,
        }

    def _number_of(self, connection_id: str, name: str) -> int:
        """Return the number of a connection of this node.

        Raises:
            Refused: INVALID_MESSAGE.
        """
        number = connection_id.rpartition("-")[2]
        if not _NUMBER.fullmatch(number) or overview.connection_id(self._node, int(number)) != connection_id:
            raise Refused(Code.INVALID_MESSAGE, f"{name}: expected a connection_id of this node")
        return int(number)

    async def _close_connection(self, asked: Asked) -> Any:
        asked.expect("reason")
        reason = asked.query.get("reason", "")
        if len(reason) > _REASON_CHARACTERS or not reason.isprintable():
            raise Refused(Code.INVALID_MESSAGE, f"reason: expected at most {_REASON_CHARACTERS} characters")
        for one in tuple(self._connections):
            if (
                overview.connection_id(self._node, one.session.visit.number) == asked.target
                and not one.session.gone
            ):
                user_id = _user_of(one)
                one.session.send_away(f"closed by an operator{': ' if reason else ''}{reason}")
                self.log.info(
                    "operator {operator} closed connection {connection_id} of user {user_id}",
                    operator=asked.by.user_id,
                    connection_id=asked.target,
                    user_id=user_id,
                )
                return {"closed": asked.target}
        raise Unserved(HTTPStatus.NOT_FOUND, "no such connection on this node")

    async def _explain_user(self, asked: Asked) -> Any:
        asked.expect()
        user_id, node = asked.target_number, self._node
        account, sessions = await node.services.store.run(queries.account, user_id)
        if account is None:
            raise Unserved(HTTPStatus.NOT_FOUND, "no such user has ever connected")
        here = [one for one in self._connections if _user_of(one) == user_id]
        return overview.of_user(node, account, sessions) | {
            "connections": [overview.of_connection(node, one) for one in here],
            "closes": [overview.of_close(one) for one in node.visits.closes_of(user_id, _CLOSES)],
        }

    async def _list_rooms(self, asked: Asked) -> Any:
        asked.expect("limit", "after")
        after, limit = asked.number("after", 0), asked.number("limit", _LIMIT, _MOST)
        rooms = await self._node.services.store.run(queries.rooms, after=after, limit=limit + 1)
        listed = rooms[:limit]
        return {
            "rooms": [overview.of_room(one) for one in listed],
            "next": listed[-1].room_id if listed and len(rooms) > limit else None,
        }

    async def _show_room(self, asked: Asked) -> Any:
        asked.expect()
        found = await self._node.services.store.run(queries.room, asked.target_number)
        if found is None:
            raise Refused(Code.ROOM_NOT_FOUND, "no such room")
        return overview.of_whole_room(*found)


def _user_of(connection: Connection) -> int | None:
    identity = connection.session.identity
    return None if identity is None else identity.user_id


def _query(request: Request) -> dict[str, str]:
    """Return the parameters of a request's query.

    Raises:
        Refused: INVALID_MESSAGE, for one that comes twice or is no text.
    """
    query: dict[str, str] = {}
    for name, values in (request.args or {}).items():
        try:
            key, (value,) = name.decode(), values
            query[key] = value.decode()
        except ValueError:
            raise Refused(Code.INVALID_MESSAGE, "expected each parameter once, in UTF-8") from None
    return query


def _body(request: Request) -> bytes:
    body = request.content.read(BODY_BYTES + 1) if request.content else b""
    if len(body) > BODY_BYTES:
        raise Refused(Code.MESSAGE_TOO_LONG, f"body: expected at most {BODY_BYTES} bytes")
    return body


def _send(request: Request, body: bytes) -> None:
    request.setHeader("Content-Length", str(len(body)))
    if request.method != b"HEAD":
        request.write(body)
    request.finish()
