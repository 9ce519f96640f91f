"""Several real servers on one PostgreSQL, and people who talk there while the servers are hurt."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress

from tests.integration.accounts import Account, account_of
from tests.integration.conftest import Figures
from tests.integration.members import Choice, Member, next_of
from tests.integration.plain import TIMEOUT_S, Client, ClosedError, history, room_of
from tests.integration.server import Server, running
from tests.postgres import PostgresServer, require_postgres, shared_server

LEASE_S = 3.0
_PROBE = 2**40
"""A user who only looks whether a node takes clients."""
_STEP_S = 0.02
_ENOUGH = 10
"""Acknowledged messages of each member, before which a load is not under way."""


@contextmanager
def postgres(*, fsync: bool = True, **settings: object) -> Generator[PostgresServer, None, None]:
    """Run a PostgreSQL of one's own, to be hurt; the settings go to postgresql.conf."""
    require_postgres()
    server = PostgresServer(fsync=fsync, settings=settings)
    server.start()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def cluster(
    nodes: int, *, database: str | None = None, **settings: object
) -> Generator[list[Server], None, None]:
    """Run so many nodes, which all take clients, as long as the block lasts.

    Args:
        nodes: How many.
        database: The URL of their database; None: a new one on the PostgreSQL that tests share.
        settings: As for `Server`, for each of them.
    """
    with ExitStack() as stack:
        if database is None:
            require_postgres()
            database = shared_server().create_database()
            stack.callback(shared_server().drop_database, database)
        given = {
            "storage__url": database,
            "nodes__lease": LEASE_S,
            "rate__messages": 0,
            "rate__others": 0,
            "limits__replay_events": 50_000,
            "limits__replay_bytes": 2**26,
        }
        servers = [stack.enter_context(running(**(given | settings))) for _ in range(nodes)]
        for server in servers:
            wait_until_joined(server)
        yield servers


def wait_until_joined(server: Server, timeout_s: float = TIMEOUT_S) -> float:
    """Wait until a server takes clients, which is after it has joined the other nodes; return the seconds."""
    began, answer = time.monotonic(), None
    while True:
        with suppress(OSError, ClosedError), closing(Client(server.address, _PROBE)) as probe:
            seq_id, line = probe.connect_line()
            probe.socket.sendall(line)
            answer = probe.heard(seq_id=seq_id)
            if answer["success"]:
                probe.ask("DISCONNECT")
                return time.monotonic() - began
        assert time.monotonic() - began < timeout_s, f"no CONNECT within {timeout_s} s; the last: {answer}"
        time.sleep(_STEP_S)


def restart(server: Server) -> None:
    """Start a server that has ended, and wait until it takes clients."""
    server.start()
    wait_until_joined(server)


class Load:
    """Members of one room who talk until `finish`, whatever happens to the servers.

    Args:
        clients: Connected.
        choose: Where each comes back.
        senders: How many of them talk, the first ones; None: all.
        options: As for `Member`.
    """

    def __init__(
        self, clients: Sequence[Client], choose: Choice, *, senders: int | None = None, **options: float
    ) -> None:
        self.room_id = room_of(clients)
        talking = len(clients) if senders is None else senders
        self.members = [
            Member(client, self.room_id, choose=choose, **options)
            if place < talking
            else Member(client, self.room_id, choose=choose, **(options | {"pace_s": None}))
            for place, client in enumerate(clients)
        ]

    @property
    def acknowledged(self) -> int:
        """How many messages are acknowledged so far."""
        return sum(len(member.acknowledged) for member in self.members)

    def start(self) -> None:
        """Begin, and wait until it is going."""
        for member in self.members:
            member.start()
        self.progress(_ENOUGH * len(self.members))

    def progress(self, messages: int, timeout_s: float = TIMEOUT_S) -> float:
        """Wait until so many more messages are acknowledged; return the seconds that it took."""
        enough = self.acknowledged + messages
        return self._wait(lambda: self.acknowledged >= enough, timeout_s, f"{messages} acknowledgements")

    def finish(self, timeout_s: float = TIMEOUT_S) -> Account:
        """Let everybody hear everything, and take the accounts."""
        members = self.members
        for member in members:
            member.quiet.set()
        self._wait(lambda: not any(one.unanswered for one in members), timeout_s, "all acknowledgements")
        total = self.acknowledged

        def complete() -> bool:
            return all(len(one.heard) + len(one.acknowledged) >= total for one in members)

        with suppress(TimeoutError):  # the account tells who has not heard what
            self._wait(complete, timeout_s, "all messages")
        self.stop()
        for member in members:
            # Whatever came twice would come before this is answered.
            member.client.settle()
            member.take_all()
        return account_of(members, history(members[-1].client, self.room_id))

    def stop(self) -> None:
        """End the threads."""
        for member in self.members:
            member.over.set()
        for member in self.members:
            if member.ident is not None:
                member.join(TIMEOUT_S)
        self._check()

    def _check(self) -> None:
        for member in self.members:
            if member.failure is not None:
                raise member.failure

    def _wait(self, done: Callable[[], bool], timeout_s: float, what: str) -> float:
        began = time.monotonic()
        while not done():
            self._check()
            if time.monotonic() - began > timeout_s:
                raise TimeoutError(f"waited {timeout_s} s for {what}")
            time.sleep(_STEP_S)
        return time.monotonic() - began


@contextmanager
def load(
    servers: Sequence[Server],
    people: int,
    choose: Choice | None = None,
    *,
    senders: int | None = None,
    **options: float,
) -> Generator[Load, None, None]:
    """Have people talk in one room, spread over the servers, until the block ends.

    Args:
        servers: Where they connect.
        people: How many; the users are 1 and up, and user `n` begins at server `(n - 1) % len(servers)`.
        choose: Where each comes back; None: at the next server.
        senders: How many of them talk, the first ones; None: all.
        options: As for `Member`.
    """
    with ExitStack() as stack:
        clients = []
        for place in range(people):
            clients.append(Client(servers[place % len(servers)].address, place + 1))
            stack.callback(clients[-1].hang_up)
            clients[-1].connect()
        talk = Load(clients, choose or next_of(servers), senders=senders, **options)
        talk.start()
        try:
            yield talk
        finally:
            talk.stop()


def note(figures: Figures, load: Load, account: Account, text: str = "") -> None:
    """Show the figures of a load."""
    refused = sum((member.refused for member in load.members), Counter[str]())
    longest_s = max(member.longest_s for member in load.members)
    figures(f"{account}; refused {dict(refused)}, longest acknowledgement {longest_s:.1f} s{text}")
