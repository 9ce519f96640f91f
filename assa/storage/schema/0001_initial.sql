-- {id} is the database's 64-bit integer for keys. Times are milliseconds since 1970-01-01 UTC.

CREATE TABLE log_head (
  one INTEGER PRIMARY KEY,       -- always 1: the table has one row
  position {id} NOT NULL,        -- position of the newest event; taking the next one locks the row
  trimmed {id} NOT NULL          -- every position up to this one has been removed from events
);
INSERT INTO log_head (one, position, trimmed) VALUES (1, 0, 0);

CREATE TABLE events (
  position {id} PRIMARY KEY,     -- grows in commit order; seq_id of the event is 'e' and this number
  channel TEXT NOT NULL,         -- room:ID, video:ID, user:ID, session:ID or all
  body TEXT,                     -- the encoded event without its seq_id; NULL: an effect alone
  origin TEXT,                   -- session that caused it and does not hear it
  effect TEXT,                   -- +CHANNEL, -CHANNEL or !CHANNEL, see assa.storage.Entry
  created_at {id} NOT NULL       -- ms
);
CREATE INDEX events_by_channel ON events (channel, position);

CREATE TABLE counters (
  name TEXT PRIMARY KEY,         -- which ids: room, video_room
  value {id} NOT NULL            -- the last id given out
);
INSERT INTO counters (name, value) VALUES ('room', 0), ('video_room', 0);

CREATE TABLE users (
  user_id {id} PRIMARY KEY,      -- from the token
  nickname TEXT,                 -- from the newest token that had one
  profile_image TEXT,            -- path or URL, likewise
  active INTEGER NOT NULL,       -- 1, or 0: may not connect
  seen_at {id} NOT NULL          -- ms, the newest CONNECT
);

CREATE TABLE sessions (
  session_id TEXT PRIMARY KEY,
  user_id {id} NOT NULL,
  device_id TEXT,                -- device_info.device_id, when the client gave one
  node TEXT,                     -- node that holds its connection; NULL: dropped
  attachment {id} NOT NULL,      -- counts its connections; tells an old one from its successor
  connected_at {id} NOT NULL,    -- ms
  dropped_at {id}                -- ms, NULL while connected
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_drop ON sessions (dropped_at);

CREATE TABLE rooms (
  room_id {id} PRIMARY KEY,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  is_open INTEGER NOT NULL,          -- 1: anyone may join
  max_participants INTEGER NOT NULL, -- people
  members INTEGER NOT NULL,          -- people in it now; 0: closed for ever
  host_user_id {id} NOT NULL,
  created_at {id} NOT NULL           -- ms
);

CREATE TABLE members (
  room_id {id} NOT NULL,
  user_id {id} NOT NULL,
  joined_at {id} NOT NULL,           -- ms
  joined_position {id} NOT NULL,     -- log position of the join: message ids above it came later
  confirmed_through {id} NOT NULL,   -- messages of others since the join up to this id are confirmed
  PRIMARY KEY (room_id, user_id)
);
CREATE INDEX members_by_user ON members (user_id);

CREATE TABLE invitations (
  room_id {id} NOT NULL,
  user_id {id} NOT NULL,             -- who is invited
  inviter_user_id {id} NOT NULL,
  invited_at {id} NOT NULL,          -- ms
  delivered INTEGER NOT NULL,        -- 0: INVITATION_RECEIVED waits for the next CONNECT
  PRIMARY KEY (room_id, user_id)
);
CREATE INDEX invitations_by_user ON invitations (user_id, delivered);

CREATE TABLE messages (
  message_id {id} PRIMARY KEY,       -- log position of its NEW_MESSAGE
  room_id {id} NOT NULL,
  user_id {id} NOT NULL,             -- the author
  message_type TEXT NOT NULL,        -- text or image
  content TEXT NOT NULL,
  file_path TEXT,                    -- of an image, below the storage prefix
  file_name TEXT,
  file_size {id},                    -- bytes
  mime_type TEXT,
  reply_to_message_id {id},
  client_message_id TEXT,            -- makes the send idempotent for its author and room
  created_at {id} NOT NULL           -- ms
);
CREATE INDEX messages_by_room ON messages (room_id, message_id);
CREATE UNIQUE INDEX messages_by_client_id ON messages (room_id, user_id, client_message_id)
  WHERE client_message_id IS NOT NULL;

CREATE TABLE receipts (              -- confirmations that members.confirmed_through does not cover
  room_id {id} NOT NULL,
  user_id {id} NOT NULL,             -- who confirmed
  message_id {id} NOT NULL,
  PRIMARY KEY (room_id, user_id, message_id)
);

CREATE TABLE video_rooms (
  video_room_id {id} PRIMARY KEY,
  chat_room_id {id} NOT NULL,
  name TEXT NOT NULL,
  host_user_id {id} NOT NULL,        -- at first who created it
  max_participants INTEGER NOT NULL, -- people
  participants INTEGER NOT NULL,     -- people in it now
  opened INTEGER NOT NULL,           -- 1 once somebody has joined
  created_at {id} NOT NULL           -- ms
);
CREATE INDEX video_rooms_by_chat_room ON video_rooms (chat_room_id);
CREATE INDEX video_rooms_unopened ON video_rooms (opened, created_at);

CREATE TABLE participants (
  video_room_id {id} NOT NULL,
  user_id {id} NOT NULL,
  session_id TEXT NOT NULL,          -- the participation belongs to the session that joined
  audio_enabled INTEGER NOT NULL,    -- 0 or 1
  video_enabled INTEGER NOT NULL,    -- 0 or 1
  joined_position {id} NOT NULL,     -- log position of the join: who has been here longest
  heard_from {id} NOT NULL,          -- log position from which its session hears the video room
  PRIMARY KEY (video_room_id, user_id)
);
CREATE INDEX participants_by_session ON participants (session_id);
CREATE INDEX participants_by_user ON participants (user_id);
