-- Removes keys of a partition, if the partition is at the write that the caller expects. Answers 1 if they are removed, 0 if the
-- partition is at another write.
--
-- KEYS: the checkpoint; the keys that go. ARGV: the token.

if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end

-- Arguments of one command: Lua's stack holds about 8,000.
local chunk = 4000
for from = 2, #KEYS, chunk do
  redis.call('UNLINK', unpack(KEYS, from, math.min(from + chunk - 1, #KEYS)))
end
return 1
