-- One write of one partition: on top of the write that it expects, all of it. Answers 1 if it is written, 0 if the partition is
-- at another write.
--
-- KEYS: the checkpoint; the sorted sets; the documents; the outcomes.
-- ARGV: the expected token ('' for none), the next one, offset, answered offset, how long outcomes stand (ms), how many sorted
--       sets, how many documents, the basis; of each sorted set, how many members go and how many arguments come; the documents; the
--       outcomes; of each sorted set, the members that go, then score and member of those that come.
--
-- Numbers stay texts: Lua's have 53 bits. The first write is MSET, SET or HSET, which Redis refuses when it is full; whatever
-- follows a first write it lets through, so a script is not cut off in its midst. The checkpoint comes last, so that were it
-- cut off all the same, the write could still be repeated.

local token = redis.call('HGET', KEYS[1], 'token')
if token == ARGV[2] then return 1 end
if (token or '') ~= ARGV[1] then return 0 end

-- Arguments of one command: Lua's stack holds about 8,000. Even, so that a score stays with its member.
local chunk = 4000
local sets, documents = tonumber(ARGV[6]), tonumber(ARGV[7])

-- Fails on a key of another type, while nothing is written.
for set = 1, sets do redis.call('ZCARD', KEYS[1 + set]) end

local key, value = 1 + sets, 8 + 2 * sets
for from = 1, documents, chunk / 2 do
  local batch, n = {}, 0
  for i = from, math.min(from + chunk / 2 - 1, documents) do
    batch[n + 1], batch[n + 2] = KEYS[key + i], ARGV[value + i]
    n = n + 2
  end
  redis.call('MSET', unpack(batch, 1, n))
end

key, value = key + documents, value + documents
local outcomes = #KEYS - key
for i = 1, outcomes do
  redis.call('SET', KEYS[key + i], ARGV[value + i], 'PX', ARGV[5])
end

local function each(command, set, from, count)
  for first = from, from + count - 1, chunk do
    redis.call(command, set, unpack(ARGV, first, math.min(first + chunk, from + count) - 1))
  end
end

local from = value + outcomes + 1
for set = 1, sets do
  local go, come = tonumber(ARGV[7 + 2 * set]), tonumber(ARGV[8 + 2 * set])
  each('ZREM', KEYS[1 + set], from, go)
  each('ZADD', KEYS[1 + set], from + go, come)
  from = from + go + come
end

redis.call('HSET', KEYS[1], 'offset', ARGV[3], 'answered', ARGV[4], 'token', ARGV[2], 'basis', ARGV[8])
return 1
