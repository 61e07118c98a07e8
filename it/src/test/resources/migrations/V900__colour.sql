-- What a later version might add: a column, an index and a table that this one does not know.
ALTER TABLE session ADD COLUMN colour TEXT;
CREATE INDEX session_by_colour ON session (colour);
CREATE TABLE colour (
  name  TEXT NOT NULL PRIMARY KEY
);
INSERT INTO colour (name) VALUES ('green');
