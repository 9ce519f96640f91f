"""A client's frames and texts, and what a server's frames say."""

MASK = b"\x37\xfa\x21\x3d"
FIN = 0x80
CONTINUATION, TEXT, CLOSE, PING, PONG = 0x0, 0x1, 0x8, 0x9, 0xA


def head(first: int, size: int) -> bytes:
    """Return the head of a masked frame."""
    if size < 126:
        return bytes((first, 0x80 | size)) + MASK
    if size < 1 << 16:
        return bytes((first, 0x80 | 126)) + size.to_bytes(2) + MASK
    return bytes((first, 0x80 | 127)) + size.to_bytes(8) + MASK


def masked(payload: bytes) -> bytes:
    """Return the payload as a client sends it."""
    keys = MASK * (len(payload) // 4 + 1)
    return (int.from_bytes(payload) ^ int.from_bytes(keys[: len(payload)])).to_bytes(len(payload))


def frame(first: int, payload: bytes) -> bytes:
    """Return a masked frame."""
    return head(first, len(payload)) + masked(payload)


def text_of(size: int) -> bytes:
    """Return the JSON of a message with so many bytes, a third of them Korean."""
    start, end = b'{"action":"SEND_MESSAGE","data":{"room_id":17,"content":"', b'"}}'
    korean = "안녕하세요 ".encode() * (size // 48)
    return start + korean + b"x" * (size - len(start) - len(korean) - len(end)) + end


def close_code(data: bytes) -> int:
    """Return the code of the Close frame among a server's frames, or 0."""
    while len(data) >= 2:
        size, start = data[1], 2
        if size == 126:
            size, start = int.from_bytes(data[2:4]), 4
        if data[0] == FIN | CLOSE:
            return int.from_bytes(data[start : start + 2])
        data = data[start + size :]
    return 0
