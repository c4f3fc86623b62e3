-- Inserts a session's row unless the id is taken.
-- KEYS: row, index of the bucket. ARGV: row, when it may be forgotten, member.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
redis.call('ZADD', KEYS[2], 0, ARGV[3])
return 1
