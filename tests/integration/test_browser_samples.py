"""The samples of assa/web/assa/README.md, in a real browser, on a page that has what they call."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.docs.samples import take
from tests.docs.talker import Talker
from tests.integration.chromium import Person, Town, town
from tests.integration.plain import SECRET, token
from tests.integration.server import LOOPBACK

if TYPE_CHECKING:
    from playwright.sync_api import Route

README = "assa/web/assa/README.md"
CHAT = take(README, "import { Connection }")
CALL = take(README, "import { Call }")
MAKE_ROOM = "await connection.request('CREATE_ROOM', {name: '방', is_open: true})"
PAGE = """<!doctype html><button id=mute></button><button id=camera></button><button id=share></button>
<button id=leave></button><video></video>
<script>
  window.seen = [];
  const note = (name) => (...values) => { seen.push([name, ...values]); };
  const calls = 'showState showRooms showMessage showError showProgress hangUp label removeOtherTiles';
  for (const name of calls.split(' ')) window[name] = note(name);
  const [muteButton, cameraButton, shareButton, leaveButton] = document.querySelectorAll('button');
  window.tileOf = () => document.querySelector('video');
</script>
<script type=module src=/sample.js></script>"""


@pytest.fixture(scope="module")
def place() -> Generator[Town, None, None]:
    """Start the server and the browser."""
    with town(auth__secret=SECRET) as place:
        yield place


def answering(kind: str, body: str) -> Callable[[Route], None]:
    """Return what answers a request of the page in the server's place."""
    return lambda route: route.fulfill(content_type=kind, body=body)


def shown(place: Town, script: str) -> Person:
    """Return somebody on a page of the server's host that runs a script."""
    person = place.person(1)
    person.context.grant_permissions(["local-network-access"])  # a page that is answered here has no address
    script = script.replace("wss://chat.example.org", f"ws://{LOOPBACK}:{place.port}")
    for path, kind, body in (
        ("sample.html", "text/html", PAGE),
        ("sample.js", "text/javascript", script),
        ("my/token", "text/plain", token(1)),
    ):
        person.page.route(f"**/{path}", answering(kind, body))
    person.page.goto(f"{person.origin}/sample.html")
    return person


def seen(person: Person, name: str) -> list[Any]:
    """Wait until the page has called a function, and return what with, each time."""
    person.page.wait_for_function("(name) => seen.some(([one]) => one === name)", arg=name)
    return person.run("(name) => seen.filter(([one]) => one === name).map(([, ...values]) => values)", name)


def test_chat(place: Town) -> None:
    """The sample connects, shows the rooms, sends, and shows what others send."""
    person = shown(place, f"{CHAT}\nObject.assign(window, {{ connection, send }});")
    assert seen(person, "showRooms") == [[[]]]
    assert [state for state, *_ in seen(person, "showState")] == ["connecting", "connected"]
    room_id = person.run(
        "async () => (await connection.request('CREATE_ROOM', {name: '방', is_open: true})).room_id"
    )
    with closing(Talker(place.server.address[1], token(2))) as jun:
        jun.ask("JOIN_ROOM", room_id=room_id)
        person.run("(roomId) => send(roomId, '안녕하세요!')", room_id)
        assert jun.heard("NEW_MESSAGE")["content"] == "안녕하세요!"
        jun.ask("SEND_MESSAGE", room_id=room_id, content="네, 안녕하세요!", message_type="text")
    person.page.wait_for_function("() => seen.filter(([one]) => one === 'showMessage').length === 2")
    person.run("() => send(999, 'nobody')")
    assert seen(person, "showError")[0][0] == "ROOM_NOT_FOUND"
    person.close()


def test_call(place: Town) -> None:
    """The sample of a call joins it, is seen by another page of the sample, mutes, and leaves."""
    before = f"const {{ room_id: roomId }} = {MAKE_ROOM};"
    person = shown(
        place, f"{CHAT}\n{before}\n{CALL}\nObject.assign(window, {{ call, roomId, videoRoomId }});"
    )
    person.page.wait_for_function("() => window.call")
    with closing(Talker(place.server.address[1], token(2))) as jun:
        jun.ask("JOIN_ROOM", room_id=person.run("() => roomId"))
        jun.ask("JOIN_VIDEO_ROOM", video_room_id=person.run("() => videoRoomId"))
        assert jun.heard("SDP")["sender_user_id"] == 1
        person.run("() => muteButton.click()")
        assert jun.heard("PARTICIPANT_MEDIA_STATUS")["audio_enabled"] is False
        person.run("() => leaveButton.click()")
        assert jun.heard("PARTICIPANT_LEFT")["user_id"] == 1
    assert seen(person, "hangUp") == [["left"]]
    person.close()
