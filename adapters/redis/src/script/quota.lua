-- Takes units of a quota by GCRA (generic cell rate algorithm). The key has one number: the time at which the quota is restored,
-- in microseconds of this server's clock. Returns the units taken, the units left, and the microseconds until a unit returns.
--
-- KEYS: the quota. ARGV: the interval in which one unit returns (ns); the burst; the units wanted.

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, wanted = ARGV[1] / 1000, tonumber(ARGV[2]), tonumber(ARGV[3])
local full = now + interval * burst
local restored = tonumber(redis.call('GET', KEYS[1])) or now
-- The clock of another master can be behind, and the burst can be smaller than before.
restored = math.min(math.max(restored, now), full)
-- A double has a quarter of a microsecond here.
local free = math.floor((full - restored) / interval + 0.001)
local granted = math.min(free, wanted)
if granted > 0 then
  restored = restored + granted * interval
  redis.call('SET', KEYS[1], string.format('%.0f', restored), 'PX', math.ceil((restored - now) / 1000) + 1)
end
local wait = 0
if free == granted then wait = math.max(math.ceil(restored + interval - full), 1) end
return {granted, free - granted, wait}
