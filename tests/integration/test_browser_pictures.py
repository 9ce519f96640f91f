"""Takes the pictures of docs/images into the directory that `ASSA_SCREENSHOTS` names.

Without that variable there is nothing to be tested here.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.integration.chromium import PHONE, Person, expect, town

DIRECTORY = os.environ.get("ASSA_SCREENSHOTS")

CAMERA = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const canvas = Object.assign(document.createElement('canvas'), {width: 640, height: 480});
  const pen = canvas.getContext('2d');
  const disc = (color, x, y, width, height) => {
    pen.fillStyle = color;
    pen.beginPath();
    pen.ellipse(x, y, width, height, 0, 0, 2 * Math.PI);
    pen.fill();
  };
  const draw = () => {
    const light = pen.createLinearGradient(0, 0, 640, 480);
    light.addColorStop(0, `hsl(${HUE} 45% 78%)`);
    light.addColorStop(1, `hsl(${HUE + 40} 40% 52%)`);
    pen.fillStyle = light;
    pen.fillRect(0, 0, 640, 480);
    const nod = 4 * Math.sin(Date.now() / 400);
    disc(`hsl(${HUE + 180} 40% 38%)`, 320, 480, 190, 150);
    disc('#f2cfb4', 320, 225 + nod, 92, 112);
    pen.save();
    pen.beginPath();
    pen.rect(0, 0, 640, 190 + nod);
    pen.clip();
    disc('#33241f', 320, 215 + nod, 104, 122);
    pen.restore();
    disc('#33241f', 285, 232 + nod, 9, 10);
    disc('#33241f', 355, 232 + nod, 9, 10);
    pen.strokeStyle = '#a3564a';
    pen.lineWidth = 7;
    pen.lineCap = 'round';
    pen.beginPath();
    pen.arc(320, 258 + nod, 34, 0.5, Math.PI - 0.5);
    pen.stroke();
  };
  setInterval(draw, 50);
  draw();
  const stream = canvas.captureStream(20);
  for (const track of (await real({audio: true})).getTracks()) stream.addTrack(track);
  return stream;
};
"""
TALK = (
    (1, "다들 점심 먹었어요? 3시에 배포하기 전에 한번 맞춰 봐요."),
    (2, "네! 스테이징은 아침부터 잘 돌고 있어요."),
    (3, "릴리스 노트 초안 올려 뒀습니다. https://example.com/notes"),
    (1, "고마워요. 번역은 오늘 안에 볼게요."),
    (2, "재접속 테스트도 끝났어요. 서버를 내렸다 올려도 통화가 안 끊기네요 :)"),
)


def came(person: Person, hue: int, nickname: str) -> Person:
    """Let somebody in who has a face."""
    person.context.add_init_script(CAMERA.replace("HUE", str(hue)))
    return person.enter(nickname)


def photograph(person: Person, name: str) -> None:
    """Take a picture of what somebody sees."""
    person.page.mouse.move(0, 0)
    person.run("() => document.fonts.ready")
    person.page.screenshot(path=Path(DIRECTORY or ".") / f"{name}.png")


def chat(mina: Person, jun: Person, sora: Person) -> None:
    """Let them talk in a room, beside others."""
    for name in ("공지사항", "점심 탐험대"):
        jun.join_room(mina.create_room(name))
    jun.say("오늘은 냉면 어때요?")
    jun.open_room(jun.room_id - 1)
    jun.say("이번 주 금요일은 전사 휴무입니다.")
    room_id = mina.create_room("출시 준비")
    for person in (jun, sora):
        person.join_room(room_id)
    for user_id, text in TALK:
        (mina, jun, sora)[user_id - 1].say(text)
    last = mina.reads(TALK[-1][1])
    last.hover()
    last.get_by_test_id("message-reply").click()
    mina.say("역시! 그럼 3시에 통화로 봐요.")
    expect(mina.reads("역시!").get_by_test_id("read-by")).to_contain_text("2")


def call(mina: Person, jun: Person, sora: Person) -> None:
    """Let them call each other."""
    for person in (mina, jun, sora):
        person.join_call()
    for person, others in ((mina, (jun, sora)), (jun, (mina, sora)), (sora, (mina, jun))):
        for other in others:
            person.sees(other, frames=20)
    sora.click("call-mute")
    for person in (mina, jun):
        expect(person.tile(sora)).to_have_attribute("data-audio", "off")


if DIRECTORY:

    def test_pictures():
        """Rooms, a conversation and a call, on a desk and on a phone."""
        Path(DIRECTORY).mkdir(parents=True, exist_ok=True)
        with town() as place:
            mina = came(place.person(1), 210, "김미나")
            jun = came(place.person(2, language="en-US"), 20, "이준호")
            sora = came(place.person(3, size=PHONE, scheme="dark"), 130, "박소라")
            for act, names in (
                (chat, ("chat", "chat-en", "phone")),
                (call, ("call", "call-en", "phone-call")),
            ):
                act(mina, jun, sora)
                for person, name in zip((mina, jun, sora), names, strict=True):
                    photograph(person, name)
