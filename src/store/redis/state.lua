-- Put before each of the other scripts: reads what stands under KEYS[1], by the server's clock.
--
-- One hash per session. A record has the fields
--   v version   c created at   l lifetime ends at   x expires at   k kept until   t kept alive last at
--   b bytes of all values   f fence of the lease last granted   h its holder ('' or none: given back)   u its end
--   o label for operators
--   e:NAME the value of the entry NAME
-- a tombstone or a pointer has
--   d tombstone until   m successor   g answers "moved" until   (m and g: pointers only)
-- Times are milliseconds since the epoch. The key's own expiry follows them, to free the memory; what is alive is
-- decided by the fields.
local key = KEYS[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local ABSENT, DESTROYED, MOVED, BUSY, UNCHANGED, RECORD = 0, 1, 2, 3, 4, 5
local COMMITTED, CONFLICT, GONE, FENCED, TOO_LARGE, ENDED = 6, 7, 8, 9, 10, 11

-- Numbers as the exact decimal integers that they are.
local function int(number)
  return string.format('%.0f', number)
end

-- What stands under the key: its state (ABSENT, DESTROYED, MOVED or RECORD) and its fields.
local function load()
  local f = redis.call('HMGET', key, 'v', 'c', 'l', 'x', 'k', 't', 'b', 'f', 'h', 'u', 'd', 'g', 'm')
  if f[11] then
    if f[12] and now < tonumber(f[12]) then return MOVED, { successor = f[13] } end
    if now < tonumber(f[11]) then return DESTROYED, { untilTime = tonumber(f[11]), successor = f[13] } end
    return ABSENT, {}
  end
  if not f[1] then return ABSENT, {} end
  local record = {
    version = tonumber(f[1]), created = tonumber(f[2]), ends = tonumber(f[3]), expires = tonumber(f[4]),
    keep = tonumber(f[5]), touched = tonumber(f[6]), bytes = tonumber(f[7]), fence = tonumber(f[8]),
    holder = f[9] or '', lease = tonumber(f[10]) or 0,
  }
  if now >= math.max(record.expires, record.keep) then return ABSENT, {} end
  return RECORD, record
end

-- Has the server forget the key when nothing of it matters any more.
local function forgetAt(at)
  redis.call('PEXPIREAT', key, int(at))
end

-- Whether this lease is the one last granted, and was not given back.
local function isHeld(record, holder, fence)
  return record.holder ~= '' and record.holder == holder and record.fence == fence
end

-- Tells those who wait for the lease, on the channel of the key's own name.
local function wake()
  redis.call('PUBLISH', key, '')
end

-- Tells these, and those who have a connection of the session open, that the record is none any more.
local function over()
  redis.call('PUBLISH', key, 'over')
end
