-- Removes keys of a partition if the partition has the expected token. Returns 1 if the keys are removed, 0 if the partition has
-- another token.
--
-- KEYS: the checkpoint; the keys to remove. ARGV: the expected token.

if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end

-- Arguments of one command: Lua's stack holds about 8,000.
local chunk = 4000
for from = 2, #KEYS, chunk do
  redis.call('UNLINK', unpack(KEYS, from, math.min(from + chunk - 1, #KEYS)))
end
return 1
