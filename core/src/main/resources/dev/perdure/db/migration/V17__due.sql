-- The order in which turns for later begin, which is that of their ids where many are due at the same instant:
-- without it each batch of a crowd would sort all of the crowd.
DROP INDEX turn_scheduled;
CREATE INDEX turn_scheduled ON turn (wake_at, id) WHERE state = 'scheduled';
