-- What a model is shown besides the messages, and a record of what it was shown.

ALTER TABLE session ADD COLUMN instructions TEXT;  -- the session's part of the system prompt
ALTER TABLE session ADD COLUMN metadata TEXT;      -- JSON object of texts; null without any

-- What an owner wants to hold in every session.
CREATE TABLE preference (
  tenant        TEXT   NOT NULL,
  owner         TEXT   NOT NULL,
  instructions  TEXT,
  facts         TEXT,                              -- JSON object of texts; null without any
  updated_at    BIGINT NOT NULL,
  PRIMARY KEY (tenant, owner)
);

-- One row per attempt of a model call: the sources of its request and what was left out.
CREATE TABLE turn_context (
  turn_id     TEXT   NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
  lane        BIGINT NOT NULL,
  step        BIGINT NOT NULL,
  attempt     BIGINT NOT NULL,
  model       TEXT   NOT NULL,
  body        TEXT   NOT NULL,                     -- JSON of a ContextRecord, with short names
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (turn_id, lane, step, attempt)
);
