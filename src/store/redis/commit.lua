-- Applies a delta whole, or not at all.
-- KEYS[1] the session
-- ARGV    1 'create' or 'update'   2 idle ms (-1: none)   3 lifetime ms (-1: none)   4 keep ms (-1 or 0: as it is)
--         5 most bytes   6 version that it must have (-1: any)
--         7 holder and 8 fence of the lease to check (fence 0: none)   9 '1': give it back
--         10 holder who asks for the lease of a new record ('': nobody)   11 its length in ms
--         12 grace ms of a move (-1: none)   13 its successor
--         14 ms of the tombstone if no entry is left (-1: keep an empty record)
--         15 '1': set the label to 16
--         17 how many names to remove, then these; then names and values to set. No name is in both.
-- answers {COMMITTED, now, version, created, ends, expires, kept until, fence (0: no lease)}
--         | {CONFLICT} | {GONE} | {FENCED} | {TOO_LARGE} | {ENDED} | {MOVED, successor}
local NEVER = 9007199254740991
local idle, lifetime, keep = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local mostBytes, grace = tonumber(ARGV[5]), tonumber(ARGV[12])
local removed = tonumber(ARGV[17])
local firstRemoved = 18
local firstSet = firstRemoved + removed

local function keepUntil(before)
  if keep <= 0 then return before end
  return math.max(before, now + keep)
end

-- By how much the values grow.
local function grown(fresh)
  local bytes = 0
  for i = firstSet, #ARGV, 2 do
    bytes = bytes + #ARGV[i + 1]
    if not fresh then bytes = bytes - redis.call('HSTRLEN', key, 'e:' .. ARGV[i]) end
  end
  if not fresh then
    for i = firstRemoved, firstSet - 1 do bytes = bytes - redis.call('HSTRLEN', key, 'e:' .. ARGV[i]) end
  end
  return bytes
end

-- Whether what is removed is all there is.
local function leavesNothing()
  if firstSet <= #ARGV then return false end
  local left = 0
  for _, name in ipairs(redis.call('HKEYS', key)) do
    if string.sub(name, 1, 2) == 'e:' then left = left + 1 end
  end
  for i = firstRemoved, firstSet - 1 do left = left - redis.call('HEXISTS', key, 'e:' .. ARGV[i]) end
  return left == 0
end

-- The record comes first: where the server is out of memory that fails, and then nothing has been written.
local function write(record)
  redis.call('HSET', key, 'v', int(record.version), 'c', int(record.created), 'l', int(record.ends),
    'x', int(record.expires), 'k', int(record.keep), 't', int(record.touched), 'b', int(record.bytes),
    'f', int(record.fence), 'h', record.holder, 'u', int(record.lease))
  if ARGV[15] == '1' then redis.call('HSET', key, 'o', ARGV[16]) end
  for i = firstRemoved, firstSet - 1 do redis.call('HDEL', key, 'e:' .. ARGV[i]) end
  for i = firstSet, #ARGV, 2 do redis.call('HSET', key, 'e:' .. ARGV[i], ARGV[i + 1]) end
  forgetAt(math.max(record.expires, record.keep))
end

local function committed(record, fence)
  return { COMMITTED, now, record.version, record.created, record.ends, record.expires, record.keep, fence }
end

local state, record = load()
-- A pointer past its grace is a tombstone for whoever comes now, but not for an update that was in flight when it was set.
if state == DESTROYED and record.successor and ARGV[1] == 'update' then return { MOVED, record.successor } end
if state == DESTROYED then return { GONE } end

if ARGV[1] == 'create' then
  if state ~= ABSENT then return { CONFLICT } end
  local bytes = grown(true)
  if bytes > mostBytes then return { TOO_LARGE } end
  local ends = lifetime < 0 and NEVER or now + lifetime
  local holder = ARGV[10]
  local fence = holder == '' and 0 or 1
  record = {
    version = 1, created = now, ends = ends, expires = idle < 0 and ends or math.min(now + idle, ends),
    keep = keepUntil(0), touched = now, bytes = bytes,
    fence = fence, holder = holder, lease = fence == 0 and 0 or now + tonumber(ARGV[11]),
  }
  -- Only what has run out and is still there is deleted: a server without memory lets a script that has deleted
  -- something go on writing, and a new session must not pass it that way.
  if redis.call('EXISTS', key) == 1 then redis.call('DEL', key) end
  write(record)
  return committed(record, fence)
end

if state == ABSENT then return { GONE } end
if state == MOVED then return { MOVED, record.successor } end

local fence = tonumber(ARGV[8])
-- A lease that ran out or was given back still counts, as long as nobody else was granted one.
if fence ~= 0 and (record.fence ~= fence or (record.holder ~= '' and record.holder ~= ARGV[7])) then return { FENCED } end
local version = tonumber(ARGV[6])
if version >= 0 and version ~= record.version then return { CONFLICT } end
local ends = tonumber(ARGV[14])
if ends >= 0 and leavesNothing() then
  redis.call('DEL', key)
  redis.call('HSET', key, 'd', int(now + ends))
  forgetAt(now + ends)
  over()
  return { ENDED }
end
local growth = grown(false)
if growth > 0 and record.bytes + growth > mostBytes then return { TOO_LARGE } end

local wakes = record.holder ~= '' and (grace >= 0 or (fence ~= 0 and ARGV[9] == '1'))
record.version = record.version + 1
record.bytes = record.bytes + growth
record.keep = keepUntil(record.keep)
if idle >= 0 then
  record.expires = math.min(now + idle, record.ends)
  record.touched = now
end
if wakes then record.holder, record.lease = '', 0 end

if grace >= 0 then
  local graceUntil = now + grace
  local tombstoneUntil = graceUntil + TOMBSTONE_MS
  redis.call('DEL', key)
  redis.call('HSET', key, 'd', int(tombstoneUntil), 'g', int(graceUntil), 'm', ARGV[13])
  forgetAt(tombstoneUntil)
else
  write(record)
end
if grace >= 0 then over() elseif wakes then wake() end
return committed(record, 0)
