-- Documents of owners, and what of a session has been prepared for retrieval. The searchable pieces
-- are in the table chunk, which each database has in its own way.

-- Contents, once per owner and content. Not shared between owners: who is told that a content is
-- there already would learn what others have.
CREATE TABLE blob (
  tenant      TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  hash        TEXT   NOT NULL,              -- SHA-256, lower-case hex
  size        BIGINT NOT NULL,              -- bytes
  content     BYTEA  NOT NULL,
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (tenant, owner, hash)
);

CREATE TABLE document (
  id          TEXT   NOT NULL PRIMARY KEY,
  tenant      TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  session_id  TEXT   REFERENCES session (id) ON DELETE CASCADE,  -- null: of all the owner's sessions
  name        TEXT   NOT NULL,
  media_type  TEXT   NOT NULL,
  size        BIGINT NOT NULL,              -- bytes
  hash        TEXT   NOT NULL,
  state       TEXT   NOT NULL,              -- pending | ready | failed
  reason      TEXT,                         -- why it failed
  chunks      BIGINT NOT NULL DEFAULT 0,
  attempts    BIGINT NOT NULL DEFAULT 0,    -- times somebody began to prepare it
  lease_until BIGINT NOT NULL DEFAULT 0,    -- who prepares it has time until then
  created_at  BIGINT NOT NULL,
  updated_at  BIGINT NOT NULL
);
CREATE INDEX document_of_owner ON document (tenant, owner, id);
CREATE INDEX document_of_content ON document (tenant, owner, hash);
CREATE INDEX document_of_session ON document (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX document_pending ON document (lease_until) WHERE state = 'pending';

-- Messages before this position are in the table chunk.
CREATE TABLE session_index (
  session_id  TEXT   NOT NULL PRIMARY KEY REFERENCES session (id) ON DELETE CASCADE,
  position    BIGINT NOT NULL
);
