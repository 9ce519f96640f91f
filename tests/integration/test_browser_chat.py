"""Chat through the web client in real browsers, as people would use it."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.integration.chromium import PHONE, Person, Town, expect, town
from tests.integration.plain import SECRET, Client, token
from tests.integration.proxy import Proxy

AWAY = r"WebSocket connection to .* failed|Failed to load resource: net::"
"""What a browser says when it cannot reach the server."""
REFUSED = r"Failed to load resource: the server responded with a status of 415"
MARKUP = '<img src=x onerror="globalThis.broken=1"><script>globalThis.broken=1</script><b>굵게</b> &amp;'


def png(width: int, height: int) -> bytes:
    """Return a picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(
        b"\0" + b"".join(bytes((x * 255 // width, 90, y * 255 // height)) for x in range(width))
        for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def place() -> Generator[Town, None, None]:
    """Start the server and the browser."""
    with town() as place:
        yield place


@pytest.fixture(scope="module")
def regulars(place: Town) -> tuple[Person, Person]:
    """Let two people in, one of whom speaks English."""
    return place.person(1).enter("미나"), place.person(2, language="en-US").enter("Jun")


@pytest.fixture
def mina(regulars: tuple[Person, Person]) -> Generator[Person, None, None]:
    """Lend Mina; that her browser has not complained is part of every test."""
    yield regulars[0].tidy()
    regulars[0].is_content(REFUSED)


@pytest.fixture
def jun(regulars: tuple[Person, Person]) -> Generator[Person, None, None]:
    """Lend Jun, likewise."""
    yield regulars[1].tidy()
    regulars[1].is_content()


@pytest.fixture
def visitor(place: Town) -> Generator[Person, None, None]:
    """Let somebody come for one test."""
    person = place.person(3, size=PHONE)
    yield person
    person.is_content(AWAY)
    person.close()


def together(*people: Person, name: str) -> int:
    """Put them into a new room, which all of them have opened."""
    room_id = people[0].create_room(name)
    for person in people[1:]:
        person.join_room(room_id)
    return room_id


# --- coming and going ---


def test_login_at_a_development_server(visitor: Person):
    """A number and a name will do; the tab remembers them; after logging out nobody is logged in."""
    visitor.enter("소라")
    expect(visitor.find("whoami")).to_contain_text("소라")
    visitor.page.reload()
    visitor.is_connected()
    expect(visitor.find("whoami")).to_contain_text("소라")
    visitor.click("logout")
    expect(visitor.find("login-go")).to_be_visible()
    visitor.page.reload()
    expect(visitor.find("login-go")).to_be_visible()
    assert visitor.run("() => assa.connection") is None


def test_login_with_a_token(place: Town):
    """A server that is configured mints none, and takes the ones of its login service."""
    with town(place.browser, auth__secret=SECRET) as configured:
        person = configured.person(7)
        person.visit()
        expect(person.find("login-token")).to_be_visible()
        expect(person.find("login-user")).to_have_count(0)
        status = person.run("async () => (await fetch('/dev/token', {method: 'POST', body: '{}'})).status")
        assert status in (404, 405)

        person.find("login-token").fill(token(7, "another secret, which this server does not know of"))
        person.click("login-token-go")
        expect(person.find("login-problem")).not_to_be_empty()
        expect(person.find("connection-state")).to_have_count(0)
        person.find("login-token").fill(token(7))
        person.click("login-token-go")
        person.is_connected()
        assert person.run("() => assa.connection.userId") == 7
        person.is_content("status of 40[45]")
        person.close()


def test_the_language_can_be_changed(visitor: Person):
    """It begins as the browser's; what is chosen stays chosen."""
    visitor.enter("소라")
    assert visitor.page.evaluate("document.documentElement.lang") == "ko"
    visitor.click("language")
    expect(visitor.find("create-room")).to_contain_text("New room")
    assert visitor.page.evaluate("document.documentElement.lang") == "en"
    visitor.page.reload()
    expect(visitor.find("create-room")).to_contain_text("New room")


# --- rooms ---


def test_invitations(mina: Person, jun: Person):
    """Nobody joins a closed room by its number; the invited one is asked, and is in (§6.1)."""
    room_id = mina.create_room("닫힌 방", is_open=False)
    jun.click("join-room")
    jun.find("join-room-id").fill(str(room_id))
    jun.click("join-go")
    expect(jun.page.get_by_role("dialog").get_by_role("alert")).not_to_be_empty()
    jun.page.keyboard.press("Escape")
    expect(jun.find("join-go")).to_have_count(0)

    mina.click("invite")
    mina.find("invite-user").fill(str(jun.user_id))
    mina.click("invite-go")
    expect(mina.find("notice").filter(has_text="Jun")).to_be_visible()
    invitation = jun.find(f"invitation-{room_id}")
    expect(invitation).to_contain_text("미나")
    expect(invitation).to_contain_text("닫힌 방")
    invitation.get_by_test_id("invitation-accept").click()
    expect(jun.find("room-title")).to_have_text("닫힌 방")
    expect(invitation).to_have_count(0)


def test_coming_and_leaving(mina: Person, jun: Person):
    """The others are told of it, the list of members follows, and who has left has the room no more (§4)."""
    room_id = together(mina, jun, name="들락날락")
    expect(mina.find("messages")).to_contain_text("Jun님이 들어왔습니다")
    mina.click("room-info")
    expect(mina.find("members")).to_contain_text("Jun")
    mina.page.keyboard.press("Escape")
    expect(mina.find("members")).to_have_count(0)

    jun.click("leave-room")
    jun.click("leave-go")
    expect(jun.find(f"room-{room_id}")).to_have_count(0)
    expect(mina.find("messages")).to_contain_text("Jun님이 나갔습니다")


# --- messages ---


def test_messages_replies_and_receipts(mina: Person, jun: Person):
    """Korean and English go both ways, a reply quotes, and the author sees who has read (§5.1, §5.3)."""
    together(mina, jun, name="대화")
    said = mina.say("점심 뭐 먹을까요? 🍜")
    expect(said.get_by_test_id("read-by")).to_be_visible()  # Jun has the room open
    heard = jun.reads("점심 뭐 먹을까요? 🍜")
    expect(heard).to_contain_text("미나")
    heard.hover()
    heard.get_by_test_id("message-reply").click()
    expect(jun.find("replying")).to_contain_text("점심")
    jun.say("How about 냉면?")
    answer = mina.reads("How about 냉면?")
    expect(answer.get_by_test_id("message-quote")).to_contain_text("점심 뭐 먹을까요")
    expect(jun.find("replying")).to_be_hidden()


def test_markup_is_text(mina: Person, jun: Person):
    """Whatever somebody writes or is called is shown as it was written, and nothing of it is done."""
    room_id = together(mina, jun, name="<i>방</i>")
    mina.say(f"{MARKUP} https://example.org/a?b=c.")
    message = jun.reads("굵게")
    expect(message).to_contain_text(MARKUP)
    link = message.get_by_role("link")
    expect(link).to_have_attribute("href", "https://example.org/a?b=c")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(jun.find(f"room-{room_id}")).to_contain_text("<i>방</i>")
    for person in (mina, jun):
        assert person.run("() => globalThis.broken") is None
        assert person.page.locator("img[src=x], b:text('굵게'), i:text('방')").count() == 0


def test_unread_counts(mina: Person, jun: Person):
    """They grow where one is not, survive a reload, and are gone with the reading (§5.3)."""
    room_id = together(mina, jun, name="새 소식")
    jun.create_room("Elsewhere")
    for number in (1, 2, 3):
        mina.say(f"소식 {number}")
        expect(jun.find(f"unread-{room_id}")).to_have_text(str(number))
    assert mina.reads("소식 3").get_by_test_id("read-by").count() == 0
    expect(jun.find("rooms").locator("button.room").first).to_contain_text("새 소식")  # newest activity
    jun.page.reload()
    jun.is_connected()
    expect(jun.find(f"unread-{room_id}")).to_have_text("3")

    jun.open_room(room_id)
    expect(jun.find(f"unread-{room_id}")).to_have_count(0)
    expect(mina.reads("소식 3").get_by_test_id("read-by")).to_be_visible()
    jun.page.reload()
    jun.is_connected()
    expect(jun.find(f"room-{room_id}")).to_be_visible()
    expect(jun.find(f"unread-{room_id}")).to_have_count(0)


def test_paging_back(mina: Person, jun: Person, place: Town):
    """The newest 50 come first, older ones when they are asked for, none twice and none missing (§5)."""
    room_id = together(mina, name="역사")
    guest = Client(place.server.address, 9, secret=(place.server.state / "secret").read_text().strip())
    guest.connect()
    guest.ask("JOIN_ROOM", {"room_id": room_id})
    asked = [guest.say(room_id, f"[{number}]") for number in range(1, 76)]
    for seq_id in asked:
        guest.heard(seq_id=seq_id)
    jun.join_room(room_id)
    jun.reads("[75]")
    texts = jun.find("messages").locator(".message .text")
    expect(texts).to_have_count(50)
    jun.click("older")
    expect(texts).to_have_count(75)
    assert texts.all_inner_texts() == [f"[{number}]" for number in range(1, 76)]
    expect(jun.find("older")).to_be_hidden()
    guest.close()


def test_a_client_of_lines_in_the_same_room(mina: Person, place: Town):
    """What comes over TCP and over WebSocket is one conversation, in one order."""
    room_id = together(mina, name="두 갈래")
    guest = Client(place.server.address, 9, secret=(place.server.state / "secret").read_text().strip())
    guest.connect()
    guest.ask("JOIN_ROOM", {"room_id": room_id})
    expect(mina.find("messages")).to_contain_text("사람9님이 들어왔습니다")
    told: list[str] = []
    for turn in range(3):
        mina.say(f"웹 {turn}")
        told.append(guest.heard("NEW_MESSAGE")["data"]["content"])
        told.append(
            guest.ask("SEND_MESSAGE", {"room_id": room_id, "content": f"줄 {turn}", "message_type": "text"})[
                "content"
            ]
        )
        mina.reads(told[-1])
    assert told == [text for turn in range(3) for text in (f"웹 {turn}", f"줄 {turn}")]
    assert mina.find("messages").locator(".message .text").all_inner_texts() == told
    stored = guest.ask("GET_MESSAGES", {"room_id": room_id, "limit": 100})["messages"]
    assert [message["content"] for message in stored] == told
    guest.close()


# --- pictures ---


def shown(person: Person, count: int) -> None:
    """Wait until so many pictures are there, each of which the browser has understood."""
    pictures = person.find("messages").get_by_test_id("image")
    expect(pictures).to_have_count(count)
    person.wait(
        "(count) => [...document.querySelectorAll('[data-test=messages] img')]"
        ".filter((one) => one.naturalWidth === 40 && one.naturalHeight === 30).length === count",
        count,
    )


def drop(person: Person, path: Path) -> None:
    """Drop a file on the conversation, as the desktop does it."""
    box = person.find("messages").bounding_box()
    assert box is not None
    session = person.context.new_cdp_session(person.page)
    data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
    session.detach()


def paste(person: Person, picture: bytes) -> None:
    """Paste a picture with the keyboard, which was copied before."""
    person.run(
        "async (bytes) => navigator.clipboard.write("
        "[new ClipboardItem({'image/png': new Blob([new Uint8Array(bytes)], {type: 'image/png'})})])",
        list(picture),
    )
    person.find("composer").focus()
    person.page.keyboard.press("ControlOrMeta+v")


def test_pictures(mina: Person, jun: Person, tmp_path: Path):
    """By the button, by dropping and by pasting; each is understood at the other side (§5.2)."""
    together(mina, jun, name="사진")
    file = tmp_path / "우리 고양이.png"
    file.write_bytes(png(40, 30))
    mina.find("attach-input").set_input_files(file)
    shown(jun, 1)
    drop(mina, file)
    shown(jun, 2)
    paste(mina, png(40, 30))
    shown(jun, 3)
    shown(mina, 3)
    expect(mina.find("upload")).to_have_count(0)
    jun.find("image").first.click()
    expect(jun.page.get_by_role("dialog")).to_be_visible()
    jun.page.keyboard.press("Escape")
    expect(jun.page.get_by_role("dialog")).to_have_count(0)
    assert jun.run("() => [...document.images].every((one) => one.src.startsWith('blob:'))")


def test_a_program_that_calls_itself_a_picture(mina: Person, jun: Person, tmp_path: Path):
    """The server looks into it and refuses it; the page says so, and the conversation goes on."""
    together(mina, jun, name="수상한 사진")
    file = tmp_path / "cat.jpg"
    file.write_bytes(b"MZ\x90\0\3\0\0\0\4\0\0\0\xff\xff\0\0" + bytes(2_000))
    mina.find("attach-input").set_input_files(file)
    expect(mina.find("upload-failed")).to_contain_text("cat.jpg")
    mina.say("이건 안 되네")
    jun.reads("이건 안 되네")
    expect(jun.find("image")).to_have_count(0)


# --- the connection ---


def test_what_is_written_without_a_connection_is_sent_later(mina: Person, place: Town):
    """It is shown as waiting, and is sent once; the session is resumed, and what was missed comes (§10.3)."""
    proxy = Proxy(place.port)
    away = place.person(4, port=proxy.port).enter("지수")
    room_id = together(mina, away, name="지하철")
    session = away.session["session_id"]
    proxy.refuses = True
    proxy.cut()
    expect(away.find("connection-state")).to_have_attribute("data-state", "reconnecting")
    away.find("composer").fill("터널 안에서")
    away.click("send")
    expect(away.find("message-waiting")).to_contain_text("터널 안에서")
    mina.say("듣고 있어?")
    proxy.refuses = False
    away.is_connected()
    mina.reads("터널 안에서")
    expect(away.reads("터널 안에서")).to_have_attribute("data-state", "sent")
    away.reads("듣고 있어?")
    assert away.session["session_id"] == session
    texts = mina.find("messages").locator(".message .text")
    assert sorted(texts.all_inner_texts()) == sorted(["터널 안에서", "듣고 있어?"])
    assert room_id in away.session["existing_rooms"]
    away.is_content(AWAY)
    away.close()
    proxy.close()


def test_a_server_that_stays_away(place: Town):
    """Three attempts, then the page says so and asks; one click is enough once the server is back (§10.3)."""
    proxy = Proxy(place.port)
    person = place.person(4, port=proxy.port).enter("지수")
    person.create_room("기다림")
    # As nobody has seven seconds: the next attempt comes at once.
    person.run(
        "() => { const real = setTimeout;"
        " globalThis.setTimeout = (task, ms) => real(task, ms < 6000 ? 0 : ms); }"
    )
    proxy.refuses = True
    proxy.cut()
    expect(person.find("connection-state")).to_have_attribute("data-state", "failed")
    assert person.run("() => watched.sockets.length") <= 1 + 3
    proxy.refuses = False
    person.click("connect-again")
    person.is_connected()
    person.say("다시 왔어요")
    person.is_content(AWAY)
    person.close()
    proxy.close()


def test_announcements(mina: Person, place: Town):
    """What an operator says is shown until it is put away (§8.3)."""
    subprocess.run(
        [
            sys.executable,
            "-m",
            "assa",
            "announce",
            "--title",
            "점검 안내",
            "--message",
            "3시에 쉽니다",
            "--priority",
            "high",
        ],
        env=place.server.environment,
        check=True,
    )
    announcement = mina.find("announcement")
    expect(announcement).to_contain_text("점검 안내")
    expect(announcement).to_contain_text("3시에 쉽니다")
    expect(announcement).to_have_attribute("data-priority", "high")
    announcement.get_by_test_id("announcement-close").click()
    expect(announcement).to_have_count(0)


# --- by keyboard, and small ---


class Keyboard:
    """All that somebody has who does not use the mouse.

    Args:
        person: Whose it is.
    """

    def __init__(self, person: Person) -> None:
        self._person = person
        self.press = person.page.keyboard.press
        self.type = person.page.keyboard.type

    def tab_to(self, hook: str, key: str = "Tab") -> None:
        """Move the focus until what has that `data-test` has it."""
        for _ in range(40):
            if self._person.run("() => document.activeElement?.dataset.test") == hook:
                return
            self.press(key)
        raise AssertionError(f"{hook} cannot be reached with {key}")

    def open(self, hook: str, field: str) -> None:
        """Open a dialog, whose first field has the focus; look whether Esc closes it."""
        for key in ("Escape", None):
            self.tab_to(hook)
            self.press("Enter")
            expect(self._person.find(field)).to_be_focused()
            if key:
                self.press(key)
                expect(self._person.find(field)).to_have_count(0)
                expect(self._person.find(hook)).to_be_focused()


def test_by_keyboard_alone(place: Town):
    """Log in, make a room and write in it with Tab, Enter and Esc; Shift+Enter begins a line."""
    person = place.person(5)
    keys = Keyboard(person)
    person.visit()
    expect(person.find("login-user")).to_be_focused()
    keys.type("5")
    keys.press("Tab")
    keys.type("하나\n")
    person.is_connected()
    keys.open("create-room", "create-name")
    keys.type("자판으로")
    keys.tab_to("create-open")
    keys.press("Space")
    keys.press("Enter")
    expect(person.find("room-title")).to_have_text("자판으로")
    expect(person.find("composer")).to_be_focused()
    keys.type("첫 줄")
    keys.press("Shift+Enter")
    keys.type("둘째 줄\n")
    expect(person.reads("첫 줄\n둘째 줄")).to_have_attribute("data-state", "sent")
    person.is_content()
    person.close()


def test_replying_by_keyboard(mina: Person, jun: Person):
    """From the composer back to a message, Enter answers it, Esc does not."""
    together(mina, jun, name="키보드")
    mina.say("자판 최고")
    jun.reads("자판 최고")
    keys = Keyboard(jun)
    for end in ("Escape", "Enter"):
        jun.find("composer").focus()
        keys.press("Shift+Tab")
        keys.tab_to("message-reply", "Shift+Tab")
        keys.press("Enter")
        expect(jun.find("replying")).to_be_visible()
        expect(jun.find("composer")).to_be_focused()
        keys.type("그렇죠")
        keys.press(end)
        expect(jun.find("replying")).to_be_hidden()
        jun.find("composer").fill("")
    expect(mina.reads("그렇죠").get_by_test_id("message-quote")).to_contain_text("자판 최고")


FITS = """() => [document.documentElement, document.body].every((one) => one.scrollWidth <= innerWidth)"""
SMALL = """() => [...document.querySelectorAll('button, input:not([type=file], [type=checkbox]), textarea')]
  .filter((one) => one.checkVisibility({visibilityProperty: true, opacityProperty: true}))
  .map((one) => [one.dataset.test ?? one.textContent, one.getBoundingClientRect().height])
  .filter(([name, height]) => height > 0 && height < 44 && name !== 'message-reply')
  .map(([name, height]) => `${name}: ${height}`)"""


def fits(person: Person) -> None:
    """Fail if the page can be scrolled sideways, or has something that fingers do not hit."""
    assert person.run(FITS), "it can be scrolled sideways"
    assert person.run(SMALL) == []


def test_on_a_phone(visitor: Person, mina: Person):
    """Rooms and conversation are two screens; nothing is wider than the window; fingers hit the buttons."""
    visitor.visit()
    expect(visitor.find("login-go")).to_be_visible()
    fits(visitor)
    visitor.enter("소라")
    fits(visitor)
    room_id = mina.create_room("아주 긴 이름의 방 " * 5)
    visitor.join_room(room_id)
    expect(visitor.find("rooms")).to_be_hidden()
    mina.say("띄어쓰기없이이어지는아주긴말" * 12 + " https://example.org/" + "x" * 300)
    visitor.reads("띄어쓰기없이")
    visitor.say("짧게")
    fits(visitor)
    visitor.click("invite")
    fits(visitor)
    visitor.page.keyboard.press("Escape")
    visitor.click("back")
    expect(visitor.find("rooms")).to_be_visible()
    expect(visitor.find("composer")).to_be_hidden()
    fits(visitor)
    visitor.open_room(room_id)
    visitor.join_call()
    fits(visitor)
    visitor.click("call-leave")
