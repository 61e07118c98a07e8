-- Files of messages that are sent at a time to come: while one of these rows is there, the file is kept.
-- An older build sends such a message without its files.

-- As in message; null for none.
ALTER TABLE later_turn ADD COLUMN files TEXT;

CREATE TABLE later_file (
  turn_id     TEXT   NOT NULL REFERENCES later_turn (turn_id) ON DELETE CASCADE,
  file_id     TEXT   NOT NULL REFERENCES file (id),
  PRIMARY KEY (turn_id, file_id)
);
CREATE INDEX later_file_of_file ON later_file (file_id);

CREATE TABLE schedule_file (
  schedule_id TEXT   NOT NULL REFERENCES schedule (id) ON DELETE CASCADE,
  file_id     TEXT   NOT NULL REFERENCES file (id),
  PRIMARY KEY (schedule_id, file_id)
);
CREATE INDEX schedule_file_of_file ON schedule_file (file_id);
