"""``/metrics`` for Prometheus: what a node has counted, put into its metrics only when somebody asks.

Every label has a few known values; what a client may choose, such as the name of an action that there is
not, is none of them.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from twisted.web.resource import Resource

from assa import __version__
from assa.errors import Code, Refused
from assa.http.access import admin, from_this_machine
from assa.http.problems import refuse
from assa.tally import UNKNOWN

if TYPE_CHECKING:
    from twisted.web.server import Request

    from assa.auth import Tokens
    from assa.connection import Connections
    from assa.tally import Histogram

_FRONTS: Final = ("tcp", "websocket")
_STATES: Final = ("unauthenticated", "connected", "closing")
_OUTCOMES: Final = ("fresh", "resumed", "incomplete", "renewed")
_CLOSES: Final = (
    "DISCONNECT", "connection lost", "closed by the client", "operator", "shutdown",
    *(Code.CONNECT_TIMEOUT, Code.HEARTBEAT_TIMEOUT, Code.INVALID_TOKEN, Code.SERVER_FULL),
    *(Code.SERVICE_UNAVAILABLE, Code.SESSION_REPLACED, Code.SLOW_CONSUMER),
)  # fmt: skip
"""Reasons that are shown before the first connection is closed for them."""


class NodeCollector(Collector):
    """The metrics of a node.

    Args:
        connections: Those of the node.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._node = connections.node

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        about = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("assa_build", "The program.", about)
        yield from self._open()
        yield from self._asked()
        yield from self._delivered()
        yield from self._stored()

    def _open(self) -> Iterator[Metric]:
        """Yield what is true of the connections now."""
        states: Counter[tuple[str, ...]] = Counter(
            {(front, state): 0 for front in _FRONTS for state in _STATES}
        )
        clogged = queued = most = 0
        for one in self._connections:
            states[one.kind, one.session.state] += 1
            clogged += one.clogged
            waiting = one.queued
            queued, most = queued + waiting, max(most, waiting)
        yield _gauges("assa_connections", "Open connections.", ("front", "state"), states)
        yield GaugeMetricFamily("assa_sessions_connected", "Clients connected.", self._node.clients)
        yield GaugeMetricFamily(
            "assa_connections_clogged", "Connections whose client does not read.", clogged
        )
        yield GaugeMetricFamily("assa_outgoing_queued_bytes", "Bytes that wait for clients.", queued)
        yield GaugeMetricFamily(
            "assa_outgoing_queued_bytes_max", "Bytes that wait for one client, at most.", most
        )

    def _asked(self) -> Iterator[Metric]:
        tally, node = self._node.tally, self._node
        actions = _counted(("PING", UNKNOWN, *node.actions.names()), tally.requests)
        yield _counts("assa_requests", "Requests by action.", ("action",), actions)
        yield _counts("assa_errors", "ERRORs sent by code.", ("code",), _counted(Code, tally.errors))
        connects = _counted(_OUTCOMES, tally.connects)
        yield _counts("assa_connects", "CONNECTs by outcome; a code is a refusal.", ("outcome",), connects)
        yield CounterMetricFamily("assa_replayed_events", "Events replayed on resuming.", tally.replayed)
        closes = {(reason, front): 0 for reason in _CLOSES for front in _FRONTS} | node.visits.closes
        yield _counts("assa_connection_closes", "Connections closed by reason.", ("reason", "front"), closes)

    def _delivered(self) -> Iterator[Metric]:
        hub = self._node.hub
        by_action = {(action.decode(),): counts for action, counts in hub.deliveries.by_action.items()}
        events = {labels: counts[0] for labels, counts in by_action.items()}
        deliveries = {labels: counts[1] for labels, counts in by_action.items()}
        yield _counts("assa_events", "Events that somebody here heard, by action.", ("action",), events)
        yield _counts("assa_deliveries", "Events times who heard them here.", ("action",), deliveries)
        yield GaugeMetricFamily("assa_log_position", "Position of the newest event delivered.", hub.delivered)

    def _stored(self) -> Iterator[Metric]:
        node, store = self._node, self._node.services.store
        groups = store.groups
        yield GaugeMetricFamily("assa_database_up", "Whether it takes changes.", not node.readiness.problem)
        yield GaugeMetricFamily("assa_ready", "Whether /readyz says so.", not node.unready)
        yield GaugeMetricFamily("assa_store_queue_length", "Queries that wait for a commit.", store.waiting)
        failed = "Queries that failed because the database was away."
        yield CounterMetricFamily("assa_store_failures", failed, groups.failures)
        yield _histogram("assa_commit_group_queries", "Queries in one commit.", groups.sizes)
        yield _histogram(
            "assa_commit_group_seconds", "From a group's beginning to its commit.", groups.seconds
        )


def _counted(known: Iterable[str], counts: Mapping[str, int]) -> dict[tuple[str, ...], int]:
    """Return counts by label, with a 0 for each known one that has not been counted."""
    return {(str(label),): count for label, count in (dict.fromkeys(known, 0) | dict(counts)).items()}


def _counts(name: str, what: str, labels: tuple[str, ...], counts: Mapping[Any, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, what, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _gauges(name: str, what: str, labels: tuple[str, ...], values: Mapping[Any, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, what, labels=labels)
    for of, value in values.items():
        family.add_metric(of, value)
    return family


def _histogram(name: str, what: str, histogram: Histogram) -> HistogramMetricFamily:
    buckets, below = [], 0
    bounds = [*map(str, map(float, histogram.bounds)), "+Inf"]
    for bound, count in zip(bounds, histogram.counts, strict=True):
        below += count
        buckets.append((bound, below))
    return HistogramMetricFamily(name, what, buckets=buckets, sum_value=histogram.total)


def _encoder(accept: str) -> tuple[Callable[[Any], bytes], str]:
    """Return what writes the format that is asked for, and its name."""
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is none
        return choose_encoder("")


class MetricsResource(Resource):
    """Answers a scrape, in the text format or as OpenMetrics, whichever is asked for.

    Args:
        connections: Those of the node.
        tokens: An admin's is asked of everybody but this machine; None: of nobody.
    """

    isLeaf = True

    def __init__(self, connections: Connections, tokens: Tokens | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._tokens = tokens
        self._registry = CollectorRegistry()
        self._registry.register(NodeCollector(connections))
        ProcessCollector(registry=self._registry)

    def render_GET(self, request: Request) -> bytes:
        """Answer with all metrics."""
        try:
            if self._tokens is not None and not from_this_machine(request):
                admin(request, self._tokens)
        except Refused as refused:
            return refuse(request, refused)
        encode, kind = _encoder((request.getHeader(b"accept") or b"").decode("latin-1"))
        request.setHeader("Content-Type", kind)
        request.setHeader("Cache-Control", "no-store")
        return encode(self._registry)
