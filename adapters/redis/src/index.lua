-- A stretch of one status of one partition, the latest change first and of two at the same time the greater id.
--
-- KEYS: the sorted set. ARGV: how many entries; the time and the id that it begins behind, '' for the first.
-- Answers id and time in turns.

local limit, time, id = tonumber(ARGV[1]), ARGV[2], ARGV[3]

-- Lua compares texts by the server's locale, Redis orders members by their bytes.
local function before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = a:byte(i), b:byte(i)
    if x ~= y then return x < y end
  end
  return #a < #b
end

local first = 0
if time ~= '' then
  first = redis.call('ZCOUNT', KEYS[1], '(' .. time, '+inf')
  -- Thousands may have changed in one batch, at the same time: search, do not walk.
  local last = first + redis.call('ZCOUNT', KEYS[1], time, time)
  while first < last do
    local middle = math.floor((first + last) / 2)
    if before(redis.call('ZREVRANGE', KEYS[1], middle, middle)[1], id) then
      last = middle
    else
      first = middle + 1
    end
  end
end
return redis.call('ZREVRANGE', KEYS[1], first, first + limit - 1, 'WITHSCORES')
