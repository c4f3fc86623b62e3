-- Replaces a bucket's mark if it is still the one that was read.
-- KEYS: mark. ARGV: mark that was read, '' if there was none; new mark.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
