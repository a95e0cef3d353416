-- Applies one write of one partition completely, if the partition has the expected token. Returns 1 if it is applied, 0 if the
-- partition has another token.
--
-- KEYS: the checkpoint; the sorted sets, those of parties last; the documents; the outcomes.
-- ARGV: the expected token ('' for none), the next token, offset, answered offset, expiry of outcomes (ms), number of sorted sets,
--       number of documents, the basis, number of sorted sets before those of parties; for each sorted set, the number of removed
--       members and the number of ZADD arguments; the documents; the outcomes; for each sorted set, the removed members, then score
--       and member of the added ones.
--
-- Numbers remain texts, because Lua's have 53 bits. The first write is MSET, SET or HSET, which Redis rejects when it is full. Redis
-- permits all commands after the first write, so a script never stops halfway. The checkpoint is written last, so that even then a
-- retry would apply the write.

local token = redis.call('HGET', KEYS[1], 'token')
if token == ARGV[2] then return 1 end
if (token or '') ~= ARGV[1] then return 0 end

-- Arguments of one command: Lua's stack holds about 8,000. Even, so that a score and its member are in the same command.
local chunk = 4000
local sets, documents, checked = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[9])

-- Fails on a key of another type before anything is written. A write may name thousands of parties, and the check of each takes as
-- long as its change, so a foreign value at the key of a party is replaced instead, as MSET replaces one at the key of a document.
for set = 1, checked do redis.call('ZCARD', KEYS[1 + set]) end

local key, value = 1 + sets, 9 + 2 * sets
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
    local last = math.min(first + chunk, from + count) - 1
    local reply = redis.pcall(command, set, unpack(ARGV, first, last))
    if type(reply) == 'table' and reply.err then
      redis.call('DEL', set)
      redis.call(command, set, unpack(ARGV, first, last))
    end
  end
end

local from = value + outcomes + 1
for set = 1, sets do
  local removed, added = tonumber(ARGV[8 + 2 * set]), tonumber(ARGV[9 + 2 * set])
  each('ZREM', KEYS[1 + set], from, removed)
  each('ZADD', KEYS[1 + set], from + removed, added)
  from = from + removed + added
end

redis.call('HSET', KEYS[1], 'offset', ARGV[3], 'answered', ARGV[4], 'token', ARGV[2], 'basis', ARGV[8])
return 1
