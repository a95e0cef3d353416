-- The documents of orders that the index of one status named a moment ago.
--
-- KEYS: the sorted set of the status; the documents. ARGV: their ids.
-- Answers the documents; '' for an order that has left the status since, nil for one that has no document.

local documents = redis.call('MGET', unpack(KEYS, 2))
for i, id in ipairs(ARGV) do
  if not redis.call('ZSCORE', KEYS[1], id) then documents[i] = '' end
end
return documents
