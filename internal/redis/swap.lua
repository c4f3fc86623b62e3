-- Replaces a session's row if it is still the one that was read. To be told the same twice changes nothing: the stamp of
-- the new row says that it has been done.
-- KEYS: row. ARGV: stamp of the row that was read, new row, when it may be forgotten.
local stamp = redis.call('GETRANGE', KEYS[1], 0, 7)
if stamp == string.sub(ARGV[2], 1, 8) then
  return 1
end
if stamp ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
return 1
