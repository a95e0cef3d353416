-- A stretch of one sorted set of one partition, by time and of two at the same time by id: the latest and greatest first
-- (ZREVRANGE), or the earliest and least (ZRANGE).
--
-- KEYS: the sorted set. ARGV: how many entries; the time and the id that it begins behind, '' for the first; ZREVRANGE or ZRANGE.
-- Answers id and time in turns.

local limit, time, id, range = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]

-- Lua compares texts by the server's locale, Redis orders members by their bytes.
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local function behind(member)
  if range == 'ZRANGE' then return before(id, member) end
  return before(member, id)
end

local first = 0
if time ~= '' then
  if range == 'ZRANGE' then
    first = redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. time)
  else
    first = redis.call('ZCOUNT', KEYS[1], '(' .. time, '+inf')
  end
  -- Thousands may have changed in one batch, at the same time: search, do not walk.
  local last = first + redis.call('ZCOUNT', KEYS[1], time, time)
  while first < last do
    local middle = math.floor((first + last) / 2)
    if behind(redis.call(range, KEYS[1], middle, middle)[1]) then
      last = middle
    else
      first = middle + 1
    end
  end
end
return redis.call(range, KEYS[1], first, first + limit - 1, 'WITHSCORES')
