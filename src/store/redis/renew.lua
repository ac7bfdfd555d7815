-- Extends a lease, unless it is somebody else's by now or was given back.
-- KEYS[1] the session
-- ARGV    1 holder   2 fence   3 ms from now
-- answers 1, or 0 when the lease is not the caller's any more
local state, record = load()
if state ~= RECORD or not isHeld(record, ARGV[1], tonumber(ARGV[2])) then return 0 end
redis.call('HSET', key, 'u', int(now + tonumber(ARGV[3])))
return 1
