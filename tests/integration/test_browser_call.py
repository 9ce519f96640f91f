"""Video calls in real browsers, with the devices that Chromium makes up: a beep and a moving picture (§7)."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

import pytest

from tests.integration.chromium import PHONE, Person, Town, expect, town
from tests.integration.proxy import Proxy

AWAY = r"WebSocket connection to .* failed|Failed to load resource: net::.*/dev/token"
"""What a browser says when it cannot reach the server."""
WIDE = 1.5
"""The screen is wider than high by more than this; the camera's picture is 4:3."""


@pytest.fixture(scope="module")
def place() -> Generator[Town, None, None]:
    """Start the server and the browser."""
    with town() as place:
        yield place


@pytest.fixture(scope="module")
def way(place: Town) -> Generator[Proxy, None, None]:
    """Put something between Jun and the server that can be cut."""
    proxy = Proxy(place.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def neighbours(place: Town, way: Proxy) -> list[Person]:
    """Let three people in, who have a room."""
    people = [place.person(1), place.person(2, port=way.port), place.person(3, language="en-US")]
    for person, nickname in zip(people, ("미나", "준", "Sora"), strict=True):
        person.enter(nickname)
    room_id = people[0].create_room("회의")
    for person in people[1:]:
        person.join_room(room_id)
    return people


class Meeting:
    """The room of the three, two of whom are in its call.

    Args:
        people: Them.
    """

    def __init__(self, people: Sequence[Person]) -> None:
        self.mina, self.jun, self.sora = people
        for person in people:
            if not person.room_id:
                person.open_room(1)
        self.mina.join_call()
        expect(self.jun.find("call-join")).to_be_visible()
        self.jun.join_call()
        self.talk(self.mina, self.jun)

    def talk(self, *people: Person) -> None:
        """Wait until each of them sees and hears all the others from now on."""
        for person in people:
            expect(person.find("tiles").locator("video")).to_have_count(len(people))
            for other in people:
                if other is not person:
                    person.sees(other)
            person.receives()
            assert person.media["peers"] == len(people) - 1


@pytest.fixture
def meeting(neighbours: Sequence[Person]) -> Generator[Meeting, None, None]:
    """End the call afterwards; that nobody's browser has complained is part of every test."""
    meeting = Meeting(neighbours)
    yield meeting
    for person in neighbours:
        if person.find("call-leave").is_visible():
            person.click("call-leave")
        expect(person.find("call")).to_be_hidden()
        person.is_content(AWAY)


def peers(*people: Person) -> list[int]:
    """Return how many RTCPeerConnections each of their pages has made so far."""
    return [person.run("() => watched.peers.length") for person in people]


def test_two_and_three_people_see_and_hear_each_other(meeting: Meeting):
    """A mesh: each has a connection to each, and it all goes through the server's signalling (§7.3, §7.4)."""
    mina, jun, sora = meeting.mina, meeting.jun, meeting.sora
    assert mina.run("(id) => watched.shape(id)", jun.user_id) > 0
    sora.join_call()
    meeting.talk(mina, jun, sora)
    expect(mina.tile(sora)).to_contain_text("Sora")
    expect(sora.tile(jun)).to_contain_text("준")

    sora.click("call-leave")
    expect(sora.find("call")).to_be_hidden()
    for person in (mina, jun):
        expect(person.tile(sora)).to_have_count(0)
    meeting.talk(mina, jun)


def test_the_call_is_over_with_its_last_participant(meeting: Meeting):
    """VIDEO_ROOM_CLOSED goes to the chat room; its members can begin another (§7.6)."""
    expect(meeting.sora.find("call-join")).to_be_visible()
    meeting.mina.click("call-leave")
    expect(meeting.jun.tile(meeting.mina)).to_have_count(0)
    expect(meeting.mina.find("call-join")).to_be_visible()
    meeting.jun.click("call-leave")
    for person in (meeting.mina, meeting.jun, meeting.sora):
        expect(person.find("call-start")).to_be_visible()
    assert meeting.jun.media["peers"] == 0


def test_muted_and_without_camera(meeting: Meeting):
    """What is off shows at the other side (§7.5), where there is silence and no picture; and on again."""
    mina, jun = meeting.mina, meeting.jun
    tile = jun.tile(mina)
    expect(tile).to_have_attribute("data-audio", "on")
    expect(tile).to_have_attribute("data-video", "on")

    mina.click("call-mute")
    expect(tile).to_have_attribute("data-audio", "off")
    expect(mina.find("tile-self")).to_have_attribute("data-audio", "off")
    expect(tile).to_have_attribute("data-video", "on")
    jun.wait("() => watched.isSilent()")
    mina.click("call-camera")
    expect(tile).to_have_attribute("data-video", "off")
    jun.wait("(id) => watched.isDark(id)", mina.user_id)

    mina.click("call-camera")
    mina.click("call-mute")
    expect(tile).to_have_attribute("data-audio", "on")
    expect(tile).to_have_attribute("data-video", "on")
    jun.wait("(id) => !watched.isDark(id)", mina.user_id)
    energy = jun.run("() => watched.energy()")
    jun.wait("async (before) => await watched.energy() > before", energy)
    jun.sees(mina)


def test_both_offer_at_once(meeting: Meeting):
    """Glare: the polite one takes its offer back, the other ignores what comes; nothing is renewed."""
    pair = (meeting.mina, meeting.jun)
    before = peers(*pair)

    def collided() -> bool:
        return sum(person.run("() => watched.collisions") for person in pair) >= 6

    for person in pair:
        person.run("() => { watched.collisions = watched.rollbacks = 0; }")
    for _ in range(20):
        at = time.time() * 1000 + 60
        for person in pair:
            person.run(
                "(at) => { setTimeout(() => watched.peers.at(-1).restartIce(), at - Date.now()); }", at
            )
        for person in pair:
            person.wait(
                "(at) => Date.now() > at + 20 && watched.peers.at(-1).signalingState === 'stable'", at
            )
            person.sees(pair[1] if person is pair[0] else pair[0], frames=1)
        if collided():
            break
    assert collided(), "they never offered at the same moment"
    # The smaller user id is the polite one.
    assert pair[0].run("() => watched.rollbacks") > 0
    assert pair[1].run("() => watched.rollbacks") == 0
    meeting.talk(*pair)
    assert peers(*pair) == before
    for person in pair:
        assert person.run("() => watched.peers.at(-1).connectionState") == "connected"


def test_a_cut_connection_resumes_and_the_call_goes_on(meeting: Meeting, way: Proxy):
    """Without the server the call goes on; the same session comes back, with its seat (§10.3)."""
    mina, jun, sora = meeting.mina, meeting.jun, meeting.sora
    session, made = jun.session, peers(mina, jun)
    state = jun.find("connection-state")
    way.refuses = True
    way.cut()
    expect(state).to_have_attribute("data-state", "reconnecting")
    jun.sees(mina)
    mina.sees(jun)
    mina.click("call-mute")
    sora.say("준이 없는 동안")
    way.refuses = False
    expect(state).to_have_attribute("data-state", "connected")

    again = jun.session
    assert again["resumed"] is True
    assert again["session_id"] == session["session_id"]
    assert again["replayed_events"] >= 2
    expect(jun.tile(mina)).to_have_attribute("data-audio", "off")
    jun.reads("준이 없는 동안")
    meeting.talk(mina, jun)
    assert peers(mina, jun) == made


@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_the_server_starts_again(meeting: Meeting, place: Town, end: str):
    """After SIGTERM and after `kill -9` everybody comes back by himself, and no call is interrupted."""
    mina, jun, sora = everybody = meeting.mina, meeting.jun, meeting.sora
    sessions, made = [person.session["session_id"] for person in everybody], peers(mina, jun)
    sockets = [person.run("() => watched.sockets.length") for person in everybody]
    getattr(place.server, end)()
    place.server.process.wait(10)
    mina.sees(jun, frames=2)
    jun.receives(frames=2)
    place.server.start()
    for person, earlier in zip(everybody, sockets, strict=True):
        person.wait(
            "(earlier) => watched.sockets.length > earlier && assa.connection.state === 'connected'", earlier
        )
    assert [person.session["session_id"] for person in everybody] == sessions
    meeting.talk(mina, jun)
    assert peers(mina, jun) == made
    mina.say("서버가 돌아왔다")
    jun.reads("서버가 돌아왔다")
    sora.join_call()  # signalling works as before
    meeting.talk(*everybody)


def test_a_page_that_is_loaded_anew_goes_back_into_its_call(meeting: Meeting):
    """It resumes its session from the tab's storage, and sits down again as a newcomer."""
    mina, jun = meeting.mina, meeting.jun
    session = jun.session["session_id"]
    jun.page.reload()
    jun.is_connected()
    meeting.talk(jun, mina)
    assert jun.session["session_id"] == session


def test_a_page_that_is_closed_leaves_when_its_session_ends(meeting: Meeting):
    """DISCONNECT gives the seat up at once (§3.2): the others see it go."""
    jun = meeting.jun
    jun.click("logout")
    expect(jun.find("login-user")).to_be_visible()
    expect(meeting.mina.tile(jun)).to_have_count(0)
    jun.enter("준")


def test_the_screen_is_shown_in_the_place_of_the_camera(meeting: Meeting):
    """Without a new negotiation; also for somebody whose camera is off; afterwards the camera is back."""
    mina, jun = meeting.mina, meeting.jun
    lines = "() => watched.peers.at(-1).getTransceivers().length"
    before = mina.run(lines), mina.run("() => watched.peers.at(-1).localDescription.sdp")
    mina.click("call-camera")
    expect(jun.tile(mina)).to_have_attribute("data-video", "off")
    mina.click("call-share")
    expect(jun.tile(mina)).to_have_attribute("data-video", "on")
    jun.wait("(id) => !watched.isDark(id)", mina.user_id)
    jun.wait("([id, wide]) => watched.shape(id) > wide", [mina.user_id, WIDE])
    jun.sees(mina, frames=1)

    mina.click("call-share")
    expect(jun.tile(mina)).to_have_attribute("data-video", "off")
    mina.click("call-camera")
    expect(jun.tile(mina)).to_have_attribute("data-video", "on")
    jun.wait("([id, wide]) => watched.shape(id) < wide", [mina.user_id, WIDE])
    jun.sees(mina)
    assert (mina.run(lines), mina.run("() => watched.peers.at(-1).localDescription.sdp")) == before


def test_reading_and_writing_goes_on_beside_a_call(meeting: Meeting):
    """Another room can be opened in a call, and messages of this one still come."""
    mina, jun = meeting.mina, meeting.jun
    mina.create_room("다른 방")
    expect(mina.tile(jun)).to_be_visible()
    jun.say("여기 좀 봐")
    expect(mina.find(f"unread-{jun.room_id}")).to_have_text("1")
    mina.open_room(jun.room_id)
    mina.reads("여기 좀 봐")
    meeting.talk(mina, jun)


def test_without_a_camera(meeting: Meeting):
    """Who has none, or lets nobody use it, is told so, and can still see and hear the others."""
    mina, jun, sora = meeting.mina, meeting.jun, meeting.sora
    sora.run(
        "() => { navigator.mediaDevices.getUserMedia ="
        " async () => { throw new DOMException('denied', 'NotAllowedError'); }; }"
    )
    sora.click("call-join")
    expect(sora.find("media-problem")).to_be_visible()
    sora.click("media-none")
    expect(sora.find("tile-self")).to_have_attribute("data-video", "off")
    for person in (mina, jun):
        sora.sees(person)
        expect(person.tile(sora)).to_have_attribute("data-audio", "off")
        expect(person.tile(sora)).to_have_attribute("data-video", "off")
    sora.receives()
    sora.page.reload()
    sora.is_connected()


def test_the_call_moves_to_another_device(neighbours: Sequence[Person], place: Town):
    """Joining from a second device takes the seat along; the first one is told (§7.2)."""
    jun = neighbours[1]
    tablet = place.person(jun.user_id, size=PHONE).enter("준")
    tablet.open_room(jun.room_id)  # before the call begins, or it would not know of it
    meeting = Meeting(neighbours)
    tablet.join_call()
    expect(jun.find("call")).to_be_hidden()
    meeting.talk(tablet, meeting.mina)
    tablet.click("call-leave")
    meeting.mina.click("call-leave")
    expect(meeting.mina.find("call-start")).to_be_visible()
    for person in (*neighbours, tablet):
        person.is_content()
    tablet.close()
