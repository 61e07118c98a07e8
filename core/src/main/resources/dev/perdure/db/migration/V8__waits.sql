-- Turns for later, questions to the user, and messages that come by a schedule.

-- What an answer to a question must fit: JSON Schema; null for any.
ALTER TABLE tool_call ADD COLUMN accepts TEXT;
-- How many reminders of the question are in the log.
ALTER TABLE tool_call ADD COLUMN reminders BIGINT NOT NULL DEFAULT 0;

-- A turn in the state 'scheduled' has wake_at, a negative position, and no messages yet: they become
-- part of the conversation at that time. Until then what the user wrote is here.
CREATE TABLE later_turn (
  turn_id     TEXT   NOT NULL PRIMARY KEY REFERENCES turn (id) ON DELETE CASCADE,
  parts       TEXT   NOT NULL             -- JSON array, as in message
);
CREATE INDEX turn_scheduled ON turn (wake_at) WHERE state = 'scheduled';
CREATE INDEX turn_scheduled_of_owner ON turn (tenant, owner, wake_at, id) WHERE state = 'scheduled';

CREATE TABLE schedule (
  id          TEXT   NOT NULL PRIMARY KEY,
  tenant      TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  session_id  TEXT   NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  name        TEXT,
  message     TEXT   NOT NULL,            -- JSON: parts and request of each turn
  cron        TEXT   NOT NULL,
  zone        TEXT   NOT NULL,            -- IANA name
  starts_at   BIGINT,
  ends_at     BIGINT,
  max_runs    BIGINT,
  runs        BIGINT NOT NULL DEFAULT 0,
  missed      TEXT   NOT NULL,            -- skip | once
  paused      BIGINT NOT NULL DEFAULT 0,
  next_at     BIGINT,                     -- null while it is paused, and once it is over
  last_at     BIGINT,                     -- the time of the last run, as planned
  last_turn   TEXT,
  trouble     TEXT,                       -- why the last run did not become a turn
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL
);
CREATE INDEX schedule_due ON schedule (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX schedule_of_owner ON schedule (tenant, owner, id);
CREATE INDEX schedule_of_session ON schedule (session_id);
