-- What clients call things, and what a door must remember of a request.

-- A client's own id of a conversation: it means nothing to another caller.
CREATE TABLE session_name (
  tenant      TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  name        TEXT   NOT NULL,
  session_id  TEXT   NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  PRIMARY KEY (tenant, owner, name)
);
CREATE INDEX session_name_of_session ON session_name (session_id);

-- A client's own id of a user message. An edit has the id of the message that it takes the place of,
-- so one name may stand for several messages; the newest one counts.
CREATE TABLE message_name (
  session_id  TEXT   NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  name        TEXT   NOT NULL,
  message_id  TEXT   NOT NULL,
  PRIMARY KEY (session_id, name, message_id)
);
CREATE INDEX message_name_of_message ON message_name (message_id);

-- What of a request a door repeats in its answers and the engine does not need.
CREATE TABLE turn_note (
  turn_id     TEXT   NOT NULL PRIMARY KEY REFERENCES turn (id) ON DELETE CASCADE,
  note        TEXT   NOT NULL                 -- JSON; its shape is the door's
);
