-- Files that users upload. Their content is beside the database, under names that only rows know.

CREATE TABLE secrets (               -- what all nodes know and nobody else
  name TEXT PRIMARY KEY,             -- files: signs the addresses of uploads and of files
  value TEXT NOT NULL                -- hexadecimal
);

CREATE TABLE files (
  file_path TEXT PRIMARY KEY,        -- as clients know it; unguessable
  user_id {id} NOT NULL,             -- who uploads it
  room_id {id},                      -- whose members may see it; NULL: a profile image, for every user
  file_name TEXT NOT NULL,
  file_size {id} NOT NULL,           -- bytes
  mime_type TEXT NOT NULL,
  expires_at {id} NOT NULL,          -- ms: until when its upload may begin
  digest TEXT,                       -- SHA-256, hexadecimal; NULL until it has come
  blob TEXT,                         -- name of its content, which other rows may share; likewise
  unused_since {id}                  -- ms; NULL while a message or a profile refers to it, or before it has come
);
CREATE INDEX files_by_digest ON files (digest);
CREATE INDEX files_unused ON files (unused_since) WHERE unused_since IS NOT NULL;
CREATE INDEX files_unfinished ON files (expires_at) WHERE blob IS NULL;
CREATE INDEX files_of_profiles ON files (user_id) WHERE room_id IS NULL;

CREATE TABLE uploaders (
  user_id {id} PRIMARY KEY,
  file_bytes {id} NOT NULL,          -- of all his files, also of those that have not come yet
  unfinished INTEGER NOT NULL        -- how many have not come yet
);
