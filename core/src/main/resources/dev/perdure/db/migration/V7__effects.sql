-- A call that somebody has put in the place of another one by changing its arguments.
ALTER TABLE tool_call ADD COLUMN input TEXT;     -- its arguments, compact JSON; null for the model's own
ALTER TABLE tool_call ADD COLUMN replaces TEXT;  -- the call that it is made instead of

-- Effects that a tool can undo, and those that it has to.
ALTER TABLE tool_call ADD COLUMN compensates BIGINT NOT NULL DEFAULT 0;  -- 1 if the tool can undo the call

-- No reference to the turn: what is owed stays owed when its session is deleted.
CREATE TABLE compensation (
  call_id    TEXT   NOT NULL PRIMARY KEY,
  turn_id    TEXT   NOT NULL,
  tenant     TEXT   NOT NULL,
  owner      TEXT   NOT NULL,
  tool       TEXT   NOT NULL,
  input      TEXT   NOT NULL,            -- of the call: JSON
  output     TEXT,                       -- of the call: JSON; null if what came of it is not known
  state      TEXT   NOT NULL,            -- due | done | failed
  tries      BIGINT NOT NULL DEFAULT 0,  -- raised by each claim, and the fence against late ones
  due_at     BIGINT NOT NULL,            -- when to try (again); during a try, when its holder counts as dead
  result     TEXT,                       -- of the compensation: JSON
  error      TEXT,                       -- of the last try
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX compensation_due ON compensation (tool, due_at) WHERE state = 'due';
CREATE INDEX compensation_of_turn ON compensation (turn_id);
