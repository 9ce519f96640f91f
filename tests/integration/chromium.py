"""People with a real browser: a headless Chromium, one context for each, who use the web client by its hooks.

The hooks are the `data-test` attributes that assa/web/app/main.js lists.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.plain import token

try:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect, sync_playwright
except ImportError:
    sync_playwright = None  # chromium() skips

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
        self.page = self._open_page()

    def _open_page(self) -> Page:
        page = self.context.new_page()
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        return page

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def close(self) -> None:
        """Go away without a word."""
        self.context.close()

    def content_with(self, *expected: str) -> None:
        """Fail if the browser complained of anything but what matches one of the patterns.

        A violation of the Content-Security-Policy, an exception nobody caught and a file that is missing
        are such complaints.
        """
        unexpected = [text for text in self.complaints if not any(re.search(one, text) for one in expected)]
        assert not unexpected, f"user {self.user_id}'s browser complains"

    # --- the page ---

    def find(self, hook: str) -> Locator:
        """Return what has that `data-test`."""
        return self.page.get_by_test_id(hook)

    def wait(self, script: str, argument: Any = None) -> None:
        """Wait until a function in the page returns something true."""
        self.page.wait_for_function(script, arg=argument, polling=50)

    def run(self, script: str, argument: Any = None) -> Any:
        """Return what a function in the page returns."""
        return self.page.evaluate(script, argument)

    @property
    def session(self) -> dict[str, Any]:
        """What the newest CONNECT_RESPONSE said: `session_id`, and `resumed` beside it."""
        welcome = self.run("() => assa.connection.welcome")
        return {"session_id": welcome["session_id"], **welcome["reconnection_info"]}

    # --- calls ---

    def media(self) -> dict[str, int]:
        """Return what has come in over all RTCPeerConnections (`frames`, audio `packets`) and how many `peers`."""
        measured: dict[str, int] = self.run("() => watched.media()")
        return measured

    def gets_more(self, frames: int = 10, packets: int = 10) -> None:
        """Wait until more pictures and more sound have come in."""
        before = self.media()
        self.wait(
            "async ([frames, packets]) => { const now = await watched.media();"
            " return now.frames >= frames && now.packets >= packets; }",
            [before["frames"] + frames, before["packets"] + packets],
        )


def jwt_of(user_id: int) -> str:
    """Return a token for a server that is configured with the clients' secret."""
    return token(user_id)
