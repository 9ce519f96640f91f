"""People with a real browser: a headless Chromium, one context for each, who use the web client by its hooks.

The hooks are the `data-test` attributes that assa/web/app/main.js lists.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from tests.integration.server import LOOPBACK, Server, free_port, running

try:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, expect, sync_playwright
except ImportError:
    expect = sync_playwright = None  # chromium() skips

PATIENCE_S = 20.0
"""How long something may take to be seen, on a machine that does many other things."""
DESKTOP = (1280, 800)
PHONE = (390, 844)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-features=WebRtcHideLocalIpsWithMdns",  # nobody answers mDNS in a container
)
_WATCH = (Path(__file__).parent / "watch.js").read_text()


def find_browser(environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the path of a Chromium: the one that `ASSA_TEST_CHROMIUM` names, else one that is installed."""
    return environ.get("ASSA_TEST_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def chromium() -> Generator[Browser, None, None]:
    """Run a browser as long as the block lasts; skip the test where there is none."""
    if sync_playwright is None:
        pytest.skip("playwright is not installed: `pip install 'assa[test]'`")
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium here: `apt install chromium`, or set ASSA_TEST_CHROMIUM")
    expect.set_options(timeout=PATIENCE_S * 1000)
    with sync_playwright() as playwright:
        playwright.selectors.set_test_id_attribute("data-test")
        browser = playwright.chromium.launch(executable_path=path, args=list(_OPTIONS))
        try:
            yield browser
        finally:
            browser.close()


class Person:
    """Somebody with a browser of his own.

    Args:
        browser: Where his pages are.
        origin: Where the server's web client is.
        user_id: Who he is.
        language: Of his browser.
        size: Of his window, CSS pixels.
        scheme: `light` or `dark`.
    """

    def __init__(
        self,
        browser: Browser,
        origin: str,
        user_id: int,
        *,
        language: str = "ko-KR",
        size: tuple[int, int] = DESKTOP,
        scheme: str = "light",
    ) -> None:
        self.origin = origin
        self.user_id = user_id
        width, height = size
        self.context = browser.new_context(
            locale=language,
            timezone_id="Asia/Seoul",
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            permissions=["camera", "microphone", "clipboard-read", "clipboard-write"],
            reduced_motion="reduce",
        )
        self.context.set_default_timeout(PATIENCE_S * 1000)
        self.context.add_init_script(_WATCH)
        self.complaints: list[str] = []
        self.page = self.context.new_page()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def close(self) -> None:
        """Go away without a word."""
        self.context.close()

    def is_content(self, *expected: str) -> None:
        """Fail if the browser has complained of anything but what matches one of the patterns.

        A violation of the Content-Security-Policy, an exception that nobody caught and a file that is
        missing are such complaints.
        """
        unexpected = [text for text in self.complaints if not any(re.search(one, text) for one in expected)]
        self.complaints.clear()
        assert not unexpected, f"user {self.user_id}'s browser complains: {unexpected}"

    # --- the page ---

    def find(self, hook: str) -> Locator:
        """Return what has that `data-test`."""
        return self.page.get_by_test_id(hook)

    def click(self, hook: str) -> None:
        """Click what has that `data-test`."""
        self.find(hook).click()

    def run(self, script: str, argument: Any = None) -> Any:
        """Return what a function in the page returns."""
        return self.page.evaluate(script, argument)

    def wait(self, script: str, argument: Any = None) -> None:
        """Wait until a function in the page returns something true."""
        self.page.wait_for_function(script, arg=argument, polling=50)

    def tidy(self) -> Person:
        """Close what another test has left open."""
        self.run("() => { for (const one of document.querySelectorAll('dialog')) one.close(); }")
        return self

    # --- coming in ---

    def visit(self) -> None:
        """Open the web client."""
        self.page.goto(self.origin)

    def enter(self, nickname: str) -> Person:
        """Log in at a development server."""
        self.visit()
        self.find("login-user").fill(str(self.user_id))
        self.find("login-nickname").fill(nickname)
        self.click("login-go")
        self.is_connected()
        return self

    def is_connected(self) -> None:
        """Wait until the page says so."""
        expect(self.find("connection-state")).to_have_attribute("data-state", "connected")

    @property
    def session(self) -> dict[str, Any]:
        """What the newest CONNECT_RESPONSE said: `session_id`, and `resumed` and so on beside it."""
        welcome = self.run("() => assa.connection.welcome")
        return {"session_id": welcome["session_id"], **welcome["reconnection_info"]}

    # --- rooms ---

    def create_room(self, name: str, *, is_open: bool = True) -> int:
        """Create a room, which opens it; return its id."""
        before = self.room_id
        self.click("create-room")
        self.find("create-name").fill(name)
        self.find("create-open").set_checked(is_open)
        self.click("create-go")
        expect(self.find("create-go")).to_have_count(0)
        current = self.find("rooms").locator("[aria-current=true]").filter(has_text=name.strip())
        expect(current).not_to_have_attribute("data-test", f"room-{before}")
        expect(self.find("composer")).to_be_visible()
        return self.room_id

    @property
    def room_id(self) -> int:
        """The id of the room that is open; 0: none is."""
        current = self.find("rooms").locator("[aria-current=true]")
        hooks = current.evaluate_all("(all) => all.map((one) => one.dataset.test)")
        return int(next(iter(hooks), "room-0").removeprefix("room-"))

    def join_room(self, room_id: int) -> None:
        """Join a room by its number, which opens it."""
        self.click("join-room")
        self.find("join-room-id").fill(str(room_id))
        self.click("join-go")
        self._is_in(room_id)

    def open_room(self, room_id: int) -> None:
        """Open one of the rooms of the list."""
        self.click(f"room-{room_id}")
        self._is_in(room_id)

    def _is_in(self, room_id: int) -> None:
        expect(self.find(f"room-{room_id}")).to_have_attribute("aria-current", "true")
        expect(self.find("composer")).to_be_visible()

    # --- messages ---

    def say(self, text: str) -> Locator:
        """Send a message to the open room; return it once the server has it."""
        self.find("composer").fill(text)
        self.click("send")
        said = self.reads(text)
        expect(said).to_have_attribute("data-state", "sent")
        return said

    def reads(self, text: str) -> Locator:
        """Wait for a message with that text in the open room; return it."""
        message = self.find("messages").locator(".message").filter(has_text=text).last
        expect(message).to_be_visible()
        return message

    # --- calls ---

    def join_call(self) -> None:
        """Start the call of the open room, or take part in it."""
        self.page.locator("[data-test=call-start], [data-test=call-join]").click()
        expect(self.find("tile-self")).to_be_visible()

    def tile(self, other: Person) -> Locator:
        """Return where the picture of somebody else is."""
        return self.find(f"tile-{other.user_id}")

    def sees(self, other: Person, frames: int = 5) -> None:
        """Wait until so many more frames of somebody else have been shown."""
        expect(self.find(f"video-{other.user_id}")).to_be_visible()
        self.run("(id) => watched.mark(id)", other.user_id)
        self.wait("([id, frames]) => watched.advanced(id, frames)", [other.user_id, frames])

    def receives(self, frames: int = 5, packets: int = 5) -> None:
        """Wait until more has come in over the RTCPeerConnections: decoded frames, packets of sound."""
        before = self.media
        self.wait(
            "async ([frames, packets]) => { const now = await watched.media();"
            " return now.frames >= frames && now.packets >= packets; }",
            [before["frames"] + frames, before["packets"] + packets],
        )

    @property
    def media(self) -> dict[str, int]:
        """What came in over all RTCPeerConnections: `frames`, audio `packets`, `peers` that there are."""
        measured: dict[str, int] = self.run("() => watched.media()")
        return measured


class Town:
    """A server and a browser, and the people who have come.

    Args:
        server: The server.
        port: Of its web client.
        browser: Everybody's.
    """

    def __init__(self, server: Server, port: int, browser: Browser) -> None:
        self.server = server
        self.port = port
        self.browser = browser

    def person(self, user_id: int, *, port: int | None = None, **options: Any) -> Person:
        """Let somebody come; options as for :class:`Person`."""
        return Person(self.browser, f"http://{LOOPBACK}:{port or self.port}", user_id, **options)


@contextmanager
def town(browser: Browser | None = None, **settings: object) -> Generator[Town, None, None]:
    """Run a server, which is not configured unless the settings say otherwise, and a browser.

    Args:
        browser: One that is running already; there cannot be a second one.
        settings: As for :func:`tests.integration.server.environment`.
    """
    port = free_port()
    defaults: dict[str, object] = {
        "http__listen": [f"tcp:{port}:interface={LOOPBACK}"],
        "auth__secret": None,
    }
    with nullcontext(browser) if browser else chromium() as used, running(**(defaults | settings)) as server:
        yield Town(server, port, used)
