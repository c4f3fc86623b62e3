-- Deletes a session's row if it is still the one that was read, and its member in the index of the bucket.
-- KEYS: row, index. ARGV: stamp of the row that was read, '' if there was none; member.
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[2])
return 1
