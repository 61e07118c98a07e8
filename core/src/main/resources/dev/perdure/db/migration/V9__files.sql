-- Files that messages hold: images, PDFs, texts. Additive: an older build shows their messages' text only.

-- A content is stored once for each owner, so its file is the same one however often it is sent.
CREATE TABLE file (
  id          TEXT   NOT NULL PRIMARY KEY,
  tenant      TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  name        TEXT   NOT NULL,
  media_type  TEXT   NOT NULL,              -- as its content shows
  size        BIGINT NOT NULL,              -- bytes received so far
  hash        TEXT   NOT NULL,              -- SHA-256, lower-case hex; empty until it is whole
  state       TEXT   NOT NULL,              -- receiving | ready
  created_at  BIGINT NOT NULL,
  used_at     BIGINT NOT NULL               -- sent last; from then on it is kept for a while unused
);
CREATE UNIQUE INDEX file_of_content ON file (tenant, owner, hash) WHERE state = 'ready';
CREATE INDEX file_of_owner ON file (tenant, owner);
CREATE INDEX file_age ON file (used_at);

-- The content, cut as it came, so that nobody holds all of it.
CREATE TABLE file_block (
  file_id     TEXT   NOT NULL REFERENCES file (id) ON DELETE CASCADE,
  part        BIGINT NOT NULL,              -- from 0
  content     BYTEA  NOT NULL,
  PRIMARY KEY (file_id, part)
);

-- Which messages hold a file: while there is one, the file is kept.
CREATE TABLE message_file (
  message_id  TEXT   NOT NULL REFERENCES message (id) ON DELETE CASCADE,
  file_id     TEXT   NOT NULL REFERENCES file (id),
  PRIMARY KEY (message_id, file_id)
);
CREATE INDEX message_file_of_file ON message_file (file_id);

-- The files of a message, for its readers: JSON array.
ALTER TABLE message ADD COLUMN files TEXT;

-- What the JSON of a structured reply says; JSON null as long as there is none. SQL null: none was asked for.
ALTER TABLE message ADD COLUMN output TEXT;
