-- Writes a number down unless a greater one is there.
-- KEYS: number. ARGV: number.
local there = redis.call('GET', KEYS[1])
if not there or tonumber(there) < tonumber(ARGV[1]) then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
