-- A text as a search compares it: without the difference of upper and lower case, in every script, whatever
-- the locale of the database. On SQLite the server brings the function itself.
DO $$
DECLARE
  rule TEXT;
BEGIN
  -- The first that this server has: Unicode's own rules (PostgreSQL 17), ICU's, those of the C library.
  SELECT 'COLLATE pg_catalog.' || quote_ident(c.collname) INTO rule
    FROM pg_catalog.pg_collation c
    JOIN unnest(ARRAY['pg_c_utf8', 'und-x-icu', 'C.UTF-8', 'C.utf8']) WITH ORDINALITY AS w (name, place)
      ON w.name = c.collname
   WHERE c.collnamespace = 'pg_catalog'::regnamespace
     AND c.collencoding IN (-1, (SELECT encoding FROM pg_catalog.pg_database WHERE datname = current_database()))
   ORDER BY w.place LIMIT 1;
  EXECUTE format(
    'CREATE FUNCTION perdure_fold(words TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE PARALLEL SAFE AS '
    '''SELECT lower(upper(words %1$s) %1$s)''', COALESCE(rule, ''));
END $$;
