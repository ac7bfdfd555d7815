-- Takes sessions off a subject's list.
-- KEYS[1] the subject's list
-- ARGV    the sessions
-- answers 1
for _, session in ipairs(ARGV) do redis.call('ZREM', key, session) end
return 1
