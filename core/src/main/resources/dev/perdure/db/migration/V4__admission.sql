-- What fair claims, admission and the budget of model calls read. Additive: an older build on the same
-- database neither needs nor harms it.

-- Who has turns in the queue, and the oldest of each: claims go round the tenants.
CREATE INDEX turn_queue_of_tenant ON turn (tenant, id) WHERE state = 'queued';

-- Model calls of a lane beyond the first one of its turn's first holder, over all retries, fallback
-- models, holders and steps.
ALTER TABLE lane ADD COLUMN calls BIGINT NOT NULL DEFAULT 0;
