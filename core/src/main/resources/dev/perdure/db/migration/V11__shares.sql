-- Links by which anybody may read one session until they expire; a revoked one is deleted.

CREATE TABLE share (
  id          TEXT   NOT NULL PRIMARY KEY,
  token_hash  TEXT   NOT NULL,             -- hex SHA-256; the token itself is nowhere
  tenant      TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  session_id  TEXT   NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX share_token ON share (token_hash);
CREATE INDEX share_of_session ON share (session_id);
