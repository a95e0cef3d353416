-- The documents of orders that were in the index of one list.
--
-- KEYS: the sorted set of the list; the documents. ARGV: their ids.
-- Returns the documents; '' for an order that has left the list, nil for an order without a document.

local documents = redis.call('MGET', unpack(KEYS, 2))
for i, id in ipairs(ARGV) do
  if not redis.call('ZSCORE', KEYS[1], id) then documents[i] = '' end
end
return documents
