-- Gives a lease back and wakes who waits for it, unless it is somebody else's by now.
-- KEYS[1] the session
-- ARGV    1 holder   2 fence
-- answers 1, or 0 when the lease is not the caller's any more
local state, record = load()
if state ~= RECORD or not isHeld(record, ARGV[1], tonumber(ARGV[2])) then return 0 end
-- Deleting works also where the server is out of memory.
redis.call('HDEL', key, 'h', 'u')
wake()
return 1
