-- turn_scheduled_next is in its place. In a transaction of its own, so that nobody waits for the other index behind it.
DROP INDEX turn_scheduled;
