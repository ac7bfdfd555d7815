-- Puts a tombstone in the place of whatever stands there; one that stands for longer stays.
-- KEYS[1] the session
-- ARGV    1 ms for which it stands
-- answers 1
local state, record = load()
local tombstoneUntil = now + tonumber(ARGV[1])
if state == DESTROYED then tombstoneUntil = math.max(tombstoneUntil, record.untilTime) end
redis.call('DEL', key)
redis.call('HSET', key, 'd', int(tombstoneUntil))
forgetAt(tombstoneUntil)
over()
return 1
