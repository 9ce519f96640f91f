-- The processes that serve clients together. The row of one that stops without a word is removed by
-- the others, once its beat has not changed for the length of its lease.

CREATE TABLE nodes (
  node TEXT PRIMARY KEY,         -- as in sessions.node; each life of a process has a name of its own
  beat {id} NOT NULL,            -- grows while it is alive: the others watch it by their own clocks
  joined_at {id} NOT NULL        -- ms
);
CREATE INDEX sessions_by_node ON sessions (node);
