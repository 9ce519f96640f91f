"""Operators of a World: what they and their programs ask over HTTP."""

from __future__ import annotations

from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from assa.http.site import ChatSite, tree
from assa.sites import make_operations
from tests.web import Response, Visitor
from tests.world import World

OPERATOR = 9_000


class Operator(Visitor):
    """Somebody with a token of the scope admin, on another machine.

    Args:
        world: Whose node is asked.
        public: Whether it is asked where everybody can.
        address: Where he is.
    """

    def __init__(self, world: World, *, public: bool = True, address: str = "192.0.2.7") -> None:
        operations = make_operations(world.factory, public=public)
        super().__init__(ChatSite(tree(operations), world.clock, connections=100), world.turn, address)
        self.world = world
        self.token = world.token(OPERATOR, nickname="ops", scope="admin")

    def ask(self, method: str, path: str, body: bytes | None = None) -> Response:
        """Make a request with the token."""
        return self.request(method, path, headers={"Authorization": f"Bearer {self.token}"}, body=body)

    def see(self, path: str) -> Any:
        """GET a document that there is."""
        response = self.ask("GET", path)
        assert response.status == 200, response
        return response.json

    def refused(self, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
        """Make a request that is refused; return its status and its code."""
        return refusal(self.ask(method, path, body))

    def scraped(self) -> Metrics:
        """Return the metrics."""
        return Metrics(self.ask("GET", "/metrics").body.decode())


class Metrics:
    """What a scrape has brought.

    Args:
        text: In the text format.
    """

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """Return a sample."""
        return self._values[name, frozenset(labels.items())]

    def labels(self, name: str) -> list[dict[str, str]]:
        """Return the labels of all samples of a name."""
        return [dict(labels) for sample, labels in self._values if sample == name]


def refusal(response: Response) -> tuple[int, str]:
    """Return the status and the code of a refusal, which has the fields of an ERROR."""
    assert response.headers["content-type"] == "application/json", response
    assert response.json.keys() == {"error_code", "message", "error_details"}, response
    return response.status, response.json["error_code"]
