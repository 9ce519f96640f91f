"""The TypeScript client in a real browser."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from tests.integration.chromium import chromium
from tests.integration.plain import Client, token
from tests.integration.server import LOOPBACK, Server, free_port, running
from tests.integration.test_client_typescript import EACH, NO_LIMITS, TIMEOUT_S, die_once, shears
from tests.typescript import built


class _Pages(SimpleHTTPRequestHandler):
    """The client's directory, and a backend that has tokens: `/my/token` is user 2's."""

    def do_GET(self) -> None:
        """Answer a request."""
        if self.path != "/my/token":
            super().do_GET()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(token(2).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def pages() -> Generator[str, None, None]:
    """Serve the client's directory; yields the origin."""
    with ThreadingHTTPServer((LOOPBACK, 0), partial(_Pages, directory=str(built()))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()


@contextmanager
def web_server(origin: str, **settings: object) -> Generator[tuple[Server, int], None, None]:
    """Run a server that takes pages of an origin; yields it and its HTTP port."""
    port = free_port()
    listen = [f"tcp:{port}:interface={LOOPBACK}"]
    with running(http__listen=listen, http__origins=[origin], **settings) as server:
        yield server, port


_STORY = """
async (plot) => {
  const { webSocket } = await import('assa-client');
  const { story } = await import('/build/live/story.js');
  const told = story({ ...plot, transport: webSocket(plot.url) });
  told.then((outcome) => (globalThis.outcome = outcome), (error) => (globalThis.outcome = String(error)));
}
"""


def test_browser() -> None:
    """A page talks with the built module: the example of the README, then the story (v1.1, §10.3)."""
    built()
    with chromium() as browser, pages() as origin, web_server(origin, **NO_LIMITS) as (server, port):
        page = browser.new_page()
        _example(page, server, f"{origin}/examples/page.html", f"ws://{LOOPBACK}:{port}/ws")
        page.goto(f"{origin}/test/blank.html")
        with closing(shears(port)) as proxy:
            url = f"ws://{LOOPBACK}:{proxy.port}/ws"
            page.evaluate(_STORY, {"url": url, "tokens": [token(3), token(4)], "count": EACH})
            is_over = partial(page.evaluate, "() => globalThis.outcome !== undefined")
            die_once(server, proxy, is_over)
            page.wait_for_function("() => globalThis.outcome", timeout=TIMEOUT_S * 1000)
            outcome = page.evaluate("() => globalThis.outcome")
            print(outcome, dict(proxy.hurt))  # noqa: T201
    assert outcome["faults"] == []
    assert outcome["resumed"] > 5


def _example(page: Any, server: Server, address: str, url: str) -> None:
    mina = Client(server.address, 1)
    mina.connect()
    room_id = mina.ask("CREATE_ROOM", {"name": "page", "is_open": True})["room_id"]
    mina.ask("SEND_MESSAGE", {"room_id": room_id, "content": "일찍", "message_type": "text"})
    page.goto(f"{address}?server={url}&room={room_id}")
    page.locator("#messages li", has_text="사람1: 일찍").wait_for()
    page.locator("input").fill("나도")
    page.locator("input").press("Enter")
    page.locator("#messages li", has_text="me: 나도").wait_for()
    mina.ask("SEND_MESSAGE", {"room_id": room_id, "content": "좋아", "message_type": "text"})
    page.locator("#messages li", has_text="사람1: 좋아").wait_for()
    assert page.locator("#messages li").count() == 3
    mina.close()
