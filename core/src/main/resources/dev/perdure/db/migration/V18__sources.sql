-- What a reply rests on: JSON array; null for nothing. An older build stores and shows none.
ALTER TABLE message ADD COLUMN sources TEXT;
