-- The order in which turns for later begin, which is that of their ids where many are due at the same instant:
-- without it each batch of a crowd would sort all of the crowd.
CREATE INDEX turn_scheduled_next ON turn (wake_at, id) WHERE state = 'scheduled';
