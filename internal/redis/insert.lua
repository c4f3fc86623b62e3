-- Inserts a session's row unless the id is taken by another.
-- KEYS: row, index of the bucket. ARGV: row, when it may be forgotten, member.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('GETRANGE', KEYS[1], 0, 7) == string.sub(ARGV[1], 1, 8) and 1 or 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[3])
return 1
