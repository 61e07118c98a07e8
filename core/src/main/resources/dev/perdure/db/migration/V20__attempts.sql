-- JSON array of the attempts of a reply that have a reason; null if there was none.
ALTER TABLE message ADD COLUMN attempts TEXT;
