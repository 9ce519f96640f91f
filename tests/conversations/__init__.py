"""The protocol as conversations: one `.conv` file a section, and `v1_1_*` for its additions.

A conversation reads from top to bottom::

    # A comment.
    person mina 123 호스트닉네임 /storage/profiles/123.jpg    user id, nickname, picture; `admin` may follow

    mina opens                      a connection that has sent nothing yet
    mina connects                   a connection that has sent CONNECT; the answer is not looked at
    mina.tablet connects            another connection of the same person, with a device_id of its own
    mina -> 4.2-request             what mina sends; the JSON follows, indented
      {"action": "JOIN_ROOM", ...}
    mina <- 4.2-response            what mina hears next: nothing may come between
      {"action": "JOIN_ROOM_RESPONSE", ...}
    mina hears nothing
    mina drops                      the connection is lost
    mina is closed                  the server has closed the connection
    30 s pass
    tokens last 70 s                those that are made from here on

The name after an arrow is an example of the document, the file of that name in `examples`: what is
sent or heard has its fields, its types and its `message` as well. v1.1 adds fields to a few of them:
`examples/additions.json`. Whatever somebody heard and nobody looked at is an error at the end.

In JSON, a text that begins with `$` stands for something else::

    "$room"         the same value everywhere in the script; the first message that has it decides
    "$time"         any time as the protocol writes it
    "$id:room"      as $room, and an id; kinds are id, number, text, time, event (`seq_id` of an event in
                    the log) and signal (`seq_id` of one that is not)
    "$token"        in what is sent: a token of the person who sends it
"""
