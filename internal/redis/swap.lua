-- Replaces a session's row if it is still the one that was read.
-- KEYS: row. ARGV: stamp of the row that was read, new row, when it may be forgotten.
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
return 1
