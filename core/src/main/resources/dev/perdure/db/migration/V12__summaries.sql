-- What models have made of the older messages of long conversations. Messages stay as they are. Additive: an older
-- build leaves out what does not fit, as before.

CREATE TABLE summary (
  turn_id     TEXT   NOT NULL REFERENCES turn (id) ON DELETE CASCADE,
  lane        BIGINT NOT NULL,
  id          TEXT   NOT NULL,
  session_id  TEXT   NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  up_to       TEXT   NOT NULL REFERENCES message (id) ON DELETE CASCADE,  -- the newest message that it covers
  position    BIGINT NOT NULL,              -- of that message
  messages    BIGINT NOT NULL,              -- how many messages it covers, those of the summary before included
  model       TEXT   NOT NULL,              -- provider/model that has written it
  text        TEXT   NOT NULL,
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (turn_id, lane)               -- one for each lane of a turn: made once
);
CREATE INDEX summary_of_session ON summary (session_id, position);
CREATE INDEX summary_of_message ON summary (up_to);

-- The form that replies of a session have where a message does not say: JSON object of name and schema; null for none.
ALTER TABLE session ADD COLUMN output TEXT;
