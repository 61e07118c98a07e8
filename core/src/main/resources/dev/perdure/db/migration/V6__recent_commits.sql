-- SQLite only: what crowds of turns have committed and is not in log_block yet, one row for each commit.
-- Always empty on PostgreSQL.
CREATE TABLE log_recent (
  id         INTEGER NOT NULL PRIMARY KEY, -- ascending; in SQLite this type makes it the row's own number
  directory  TEXT   NOT NULL,             -- a line for each block: turn, first_seq, last_seq, bytes
  payload    BYTEA  NOT NULL              -- the payloads of the blocks, in this order
);
