-- Whether a system may use the database. Answers the system that uses it and is another one, '' if there is none.
--
-- KEYS: the system. ARGV: this system; how long its sign of life stands (ms), '' only to ask.

local known = redis.call('GET', KEYS[1])
if known and known ~= ARGV[1] then return known end
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return ''
