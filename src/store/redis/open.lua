-- Reads a record; touches it and takes its lease where asked. Writes nothing else.
-- KEYS[1] the session
-- ARGV    1 version that the caller has (0: none)   2 idle ms of the touch (-1: no touch)   3 its interval ms
--         4 holder who asks for the lease ('': nobody)   5 its length in ms
-- answers {ABSENT} | {DESTROYED} | {MOVED, successor} | {BUSY, ms left}
--         | {UNCHANGED or RECORD, now, version, created, ends, expires, kept until, fence (0: no lease)}, a RECORD with 1 or 0: has a label, the label, name, value, …
local state, record = load()
if state == MOVED then return { MOVED, record.successor } end
if state ~= RECORD then return { state } end

local holder = ARGV[4]
local fence = 0
if holder ~= '' then
  local live = record.holder ~= '' and record.lease > now
  if live and record.holder ~= holder then return { BUSY, record.lease - now } end
  fence = live and record.fence or record.fence + 1
  redis.call('HSET', key, 'h', holder, 'f', int(fence), 'u', int(now + tonumber(ARGV[5])))
end

local idle = tonumber(ARGV[2])
if idle >= 0 and now < record.expires and now - record.touched >= tonumber(ARGV[3]) then
  record.expires = math.min(now + idle, record.ends)
  redis.call('HSET', key, 'x', int(record.expires), 't', int(now))
  forgetAt(math.max(record.expires, record.keep))
end

if tonumber(ARGV[1]) == record.version then
  return { UNCHANGED, now, record.version, record.created, record.ends, record.expires, record.keep, fence }
end
-- Places 9 and 10 are the label's.
local answer = { RECORD, now, record.version, record.created, record.ends, record.expires, record.keep, fence, 0, '' }
local fields = redis.call('HGETALL', key)
for i = 1, #fields, 2 do
  local name = fields[i]
  if string.sub(name, 1, 2) == 'e:' then
    answer[#answer + 1] = string.sub(name, 3)
    answer[#answer + 1] = fields[i + 1]
  elseif name == 'o' then
    answer[9], answer[10] = 1, fields[i + 1]
  end
end
return answer
