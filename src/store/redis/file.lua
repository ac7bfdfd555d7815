-- Files a session under a subject, or keeps it filed for longer.
-- KEYS[1] the subject's list: sessions by the time at which they run out
-- ARGV    1 the session   2 ms for which it is filed
-- answers 1
local ends = now + tonumber(ARGV[2])
redis.call('ZADD', key, 'GT', int(ends), ARGV[1])
redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now))
local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
forgetAt(tonumber(last[2]))
return 1
