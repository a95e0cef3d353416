-- One step of removing what a partition holds, if the partition is at the write that the caller expects. Answers 1 if it was
-- done, 0 if the partition is at another write.
--
-- KEYS: the checkpoint; the sorted sets (timers, late orders, every status); the set of missing documents; the documents.
-- ARGV: the token; how many sorted sets; the orders.
--
-- Without orders, nothing is left in the index: the other sets go whole.

if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end

local sets, orders = tonumber(ARGV[2]), #ARGV - 2
if orders == 0 then
  redis.call('UNLINK', unpack(KEYS, 2, sets + 2))
  return 1
end
redis.call('UNLINK', unpack(KEYS, sets + 3))
for set = 2, sets + 1 do redis.call('ZREM', KEYS[set], unpack(ARGV, 3)) end
return 1
