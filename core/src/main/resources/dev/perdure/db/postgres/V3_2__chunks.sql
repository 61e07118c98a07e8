-- Pieces of documents and of messages, with the words by which they are found.
CREATE TABLE chunk (
  id           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant       TEXT     NOT NULL,
  owner        TEXT     NOT NULL,
  session_id   TEXT     REFERENCES session (id) ON DELETE CASCADE,   -- null: of all sessions
  document_id  TEXT     REFERENCES document (id) ON DELETE CASCADE,  -- null: of a message
  message_id   TEXT,
  position     BIGINT,                       -- of the message
  part         BIGINT   NOT NULL,            -- order within the document or message, from 0
  text         TEXT     NOT NULL,
  words        TSVECTOR NOT NULL             -- the terms and the scope, made by the server
);
CREATE INDEX chunk_words ON chunk USING gin (words);
CREATE INDEX chunk_of_document ON chunk (document_id, part) WHERE document_id IS NOT NULL;
CREATE INDEX chunk_of_session ON chunk (session_id, position) WHERE session_id IS NOT NULL;

-- Words that are spelled wrong are found by their letters, where that extension may be had.
DO $$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_trgm;
  CREATE INDEX chunk_trigrams ON chunk USING gin (text gin_trgm_ops);
EXCEPTION WHEN OTHERS THEN
  RAISE NOTICE 'No pg_trgm: misspelled words will not be found.';
END
$$;
