-- Calls of tools: what each was meant to do, what came of it, and whom it waits for.
-- The id of a call is also the key that makes it idempotent where the tool knows such keys.

CREATE TABLE tool_call (
  id          TEXT   NOT NULL PRIMARY KEY,
  turn_id     TEXT   NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
  lane        BIGINT NOT NULL,
  step        BIGINT NOT NULL,
  tool        TEXT   NOT NULL,
  effect      TEXT   NOT NULL,            -- read | idempotent | unsafe, as declared when it was asked for
  input_hash  TEXT   NOT NULL,            -- SHA-256 of the arguments, to which an approval is bound
  state       TEXT   NOT NULL,            -- see CallState
  runs        BIGINT NOT NULL DEFAULT 0,  -- how often the tool was started
  output      TEXT,                       -- JSON
  error       TEXT,                       -- JSON of a TurnError
  reason      TEXT,                       -- what who decided has said
  expires_at  BIGINT,                     -- until when an answer is waited for; null for ever
  decided_at  BIGINT,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL
);
CREATE INDEX tool_call_of_turn ON tool_call (turn_id);

-- When a waiting turn goes on by itself; null if only an answer can wake it.
ALTER TABLE turn ADD COLUMN wake_at BIGINT;
CREATE INDEX turn_due ON turn (wake_at) WHERE state = 'waiting' AND wake_at IS NOT NULL;

-- The calls of tools in a reply: JSON array.
ALTER TABLE message ADD COLUMN tools TEXT;

-- Which tools a session's models may use: JSON array of names; null for all that are on by default.
ALTER TABLE session ADD COLUMN tools TEXT;
