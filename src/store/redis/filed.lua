-- The sessions that are filed under a subject, those first that run out last.
-- KEYS[1] the subject's list
-- ARGV    1 how many at the most
-- answers their names
return redis.call('ZREVRANGEBYSCORE', key, '+inf', '(' .. int(now), 'LIMIT', 0, tonumber(ARGV[1]))
