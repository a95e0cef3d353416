-- A range of one sorted set of one partition, ordered by time, then by id: descending (ZREVRANGE) or ascending (ZRANGE).
--
-- KEYS: the sorted set. ARGV: the number of entries; the time and the id of the entry before the range, '' for the first range;
-- ZREVRANGE or ZRANGE.
-- Returns id and time alternately.

local limit, time, id, range = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]

-- Compares by bytes, as Redis orders members. Lua's own comparison uses the server's locale.
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
  -- Thousands of entries may have the same time, so this is a binary search.
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
