-- Limits of tools for a session, the tools that a turn's models are told of, and notes.

-- JSON object of what its turns may use at the most; null for the server's limits.
ALTER TABLE session ADD COLUMN tool_limits TEXT;

-- JSON array of names, the most wanted first; null as long as all tools are told.
ALTER TABLE turn ADD COLUMN tool_order TEXT;

-- What models have noted in a session by the tool "notes".
CREATE TABLE note (
  call_id     TEXT   NOT NULL PRIMARY KEY,  -- the key of the call that made it: it is made once
  session_id  TEXT   NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  number      BIGINT NOT NULL,              -- its name for models, from 1, never used again
  text        TEXT   NOT NULL,
  created_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX note_of_session ON note (session_id, number);
