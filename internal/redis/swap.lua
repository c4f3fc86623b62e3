-- Replaces a session's row if it is still the one that was read.
-- KEYS: row, latest. ARGV: stamp of the row that was read, new row, when it may be forgotten, time of a rotation or ''.
if redis.call('GETRANGE', KEYS[1], 0, 7) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PXAT', ARGV[3])
if ARGV[4] ~= '' then
  local latest = redis.call('GET', KEYS[2])
  if not latest or tonumber(latest) < tonumber(ARGV[4]) then
    redis.call('SET', KEYS[2], ARGV[4])
  end
end
return 1
