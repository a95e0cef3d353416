-- The number of entries and the lowest score of sorted sets of one partition, at one instant.
--
-- KEYS: the sorted sets. Returns for each the number of entries, and the lowest score or nil.

local answer = {}
for i = 1, #KEYS do
  answer[2 * i - 1] = redis.call('ZCARD', KEYS[i])
  answer[2 * i] = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')[2] or false
end
return answer
