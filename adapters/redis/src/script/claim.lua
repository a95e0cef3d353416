-- Checks whether a system may use the database. Returns another system that uses it, or '' if there is none.
--
-- KEYS: the system. ARGV: this system; the duration of its claim (ms), or '' to claim nothing.

local known = redis.call('GET', KEYS[1])
if known and known ~= ARGV[1] then return known end
if ARGV[2] ~= '' then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return ''
