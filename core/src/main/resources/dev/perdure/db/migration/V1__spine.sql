-- One schema for SQLite and PostgreSQL: only types and clauses that both read the same way.
-- Times are milliseconds since 1970 by the database's clock.

CREATE TABLE session (
  id          TEXT   NOT NULL PRIMARY KEY,
  tenant      TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  title       TEXT,
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL
);
-- The list of a caller's sessions, newest activity first.
CREATE INDEX session_by_owner ON session (tenant, owner, updated_at, id);

-- The turn's row is the queue entry, the lease and the place of every intent.
CREATE TABLE turn (
  id            TEXT   NOT NULL PRIMARY KEY,
  session_id    TEXT   NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  tenant        TEXT   NOT NULL,
  owner         TEXT   NOT NULL,
  user_message  TEXT   NOT NULL,
  state         TEXT   NOT NULL,
  position      BIGINT NOT NULL,            -- order within the session, dense from 0
  epoch         BIGINT NOT NULL,            -- raised by every claim; the fence
  node_id       TEXT,                       -- who holds the lease; null unless running
  crashes       BIGINT NOT NULL DEFAULT 0,  -- times a holder died; bounds takeovers
  cancelled_by  TEXT,                       -- the durable intent to cancel, and its reason
  closing       BIGINT NOT NULL DEFAULT 0,  -- 1 once the holder no longer takes retries of lanes
  request       TEXT   NOT NULL,            -- JSON: models, fallbacks, params, recovery
  error         TEXT,                       -- JSON of a TurnError
  created_at    BIGINT NOT NULL,
  started_at    BIGINT,
  ended_at      BIGINT,
  log_expired   BIGINT NOT NULL DEFAULT 0   -- 1 once retention has deleted the log
);
CREATE UNIQUE INDEX turn_order ON turn (session_id, position);
-- Per session at most one turn runs, whatever the code above believes.
CREATE UNIQUE INDEX turn_one_running ON turn (session_id) WHERE state IN ('running', 'waiting');
CREATE INDEX turn_open_of_session ON turn (session_id, position) WHERE state IN ('queued', 'running', 'waiting');
CREATE INDEX turn_open_of_owner ON turn (tenant, owner, id) WHERE state IN ('queued', 'running', 'waiting');
CREATE INDEX turn_queue ON turn (id) WHERE state = 'queued';
CREATE INDEX turn_of_node ON turn (node_id) WHERE state = 'running';
CREATE INDEX turn_ended_of_owner ON turn (tenant, owner, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX turn_retention ON turn (ended_at) WHERE ended_at IS NOT NULL AND log_expired = 0;

CREATE TABLE message (
  id          TEXT   NOT NULL PRIMARY KEY,
  session_id  TEXT   NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  turn_id     TEXT   NOT NULL,
  parent_id   TEXT,                        -- the message this one answers; null for the first
  role        TEXT   NOT NULL,             -- user | assistant
  position    BIGINT NOT NULL,             -- order within the session: accepting order
  status      TEXT   NOT NULL,             -- pending | streaming | complete | failed | cancelled
  model       TEXT,
  parts       TEXT   NOT NULL,             -- JSON array
  finish      TEXT,
  usage       TEXT,                        -- JSON of a TokenUsage over all attempts
  error       TEXT,                        -- JSON of a TurnError
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX message_order ON message (session_id, position);
CREATE INDEX message_of_turn ON message (turn_id);

CREATE TABLE lane (
  turn_id       TEXT   NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
  lane          BIGINT NOT NULL,
  message_id    TEXT   NOT NULL,
  model         TEXT   NOT NULL,
  state         TEXT   NOT NULL,
  cancelled_by  TEXT,                      -- intent
  retry_asked   BIGINT NOT NULL DEFAULT 0, -- intent: 1 while a retry of an ended lane is asked for
  PRIMARY KEY (turn_id, lane)
);

-- One row per flush and turn: the packed lines of the events first_seq..last_seq, as sent to clients.
-- (turn_id, first_seq) being unique is what refuses a second writer at the same place of a log.
CREATE TABLE log_block (
  turn_id     TEXT   NOT NULL,
  first_seq   BIGINT NOT NULL,
  last_seq    BIGINT NOT NULL,
  payload     BYTEA  NOT NULL,
  PRIMARY KEY (turn_id, first_seq)
);

CREATE TABLE idempotency (
  tenant      TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  key         TEXT   NOT NULL,
  body_hash   TEXT   NOT NULL,
  turn_id     TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (tenant, owner, key)
);
CREATE INDEX idempotency_age ON idempotency (created_at);

-- One lease row per running server process, whatever the number of its turns.
CREATE TABLE node (
  id           TEXT   NOT NULL PRIMARY KEY,
  address      TEXT,
  version      TEXT   NOT NULL,
  started_at   BIGINT NOT NULL,
  lease_until  BIGINT NOT NULL
);
