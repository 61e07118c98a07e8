-- Pieces of documents and of messages.
CREATE TABLE chunk (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  tenant       TEXT    NOT NULL,
  owner        TEXT    NOT NULL,
  session_id   TEXT    REFERENCES session (id) ON DELETE CASCADE,   -- null: of all sessions
  document_id  TEXT    REFERENCES document (id) ON DELETE CASCADE,  -- null: of a message
  message_id   TEXT,
  position     BIGINT,                      -- of the message
  part         BIGINT  NOT NULL,            -- order within the document or message, from 0
  text         TEXT    NOT NULL
);
CREATE INDEX chunk_of_document ON chunk (document_id, part) WHERE document_id IS NOT NULL;
CREATE INDEX chunk_of_session ON chunk (session_id, position) WHERE session_id IS NOT NULL;

-- The words by which chunks are found: scope and terms, made by the server. Holds no text. With
-- less detail, bm25() of a table without content is always 0.
CREATE VIRTUAL TABLE chunk_words USING fts5 (scope, terms, content = '', contentless_delete = 1);
CREATE TRIGGER chunk_gone AFTER DELETE ON chunk
BEGIN
  DELETE FROM chunk_words WHERE rowid = old.id;
END;
