-- Pieces of documents and of messages as vectors. Additive: a build that knows nothing of them finds by words only.

-- One for each piece and model. What is beside the vector is the piece's own, so that the vectors of a scope are
-- read without it.
CREATE TABLE chunk_vector (
  chunk_id    BIGINT NOT NULL REFERENCES chunk (id) ON DELETE CASCADE,
  model       TEXT   NOT NULL,              -- vectors of different models cannot be compared
  tenant      TEXT   NOT NULL,
  owner       TEXT   NOT NULL,
  session_id  TEXT,                         -- null: of all sessions
  position    BIGINT,                       -- of the message; null: of a document
  vector      BYTEA  NOT NULL,              -- a signed byte for each dimension; empty: the model refuses the text
  PRIMARY KEY (chunk_id, model)
);
CREATE INDEX chunk_vector_scope ON chunk_vector (tenant, owner, session_id, model, chunk_id);

-- Who makes the vectors of a model.
CREATE TABLE embedding_model (
  model        TEXT   NOT NULL PRIMARY KEY,
  holder       TEXT   NOT NULL,             -- the node
  lease_until  BIGINT NOT NULL              -- by the database's clock
);
