-- The calls that wait for somebody to say what came of them, of all tenants, for operators. Few at any time. Not an
-- index over all states: where many calls wait, planners would take it for one of the calls of a turn.
CREATE INDEX tool_call_attention ON tool_call (id) WHERE state = 'attention';
