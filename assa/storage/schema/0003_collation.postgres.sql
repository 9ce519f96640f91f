-- Channels and sessions are compared byte by byte, whatever language the database sorts in.
ALTER TABLE events ALTER COLUMN channel TYPE TEXT COLLATE "C";
