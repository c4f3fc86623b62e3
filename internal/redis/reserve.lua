-- Takes a place among the sessions of a user for one that is about to start, and answers the members that a limit
-- pushes out: the oldest with the same application that are neither dead nor pushed out by another a moment ago.
-- KEYS: index of the user, members pushed out and by whom. ARGV: member, application, limit or 0, when the index may be forgotten,
-- then the members that are known to be dead.
redis.call('ZADD', KEYS[1], 0, ARGV[1])
local clock = redis.call('TIME')
local left = tonumber(ARGV[4]) - (tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000))
if left > redis.call('PTTL', KEYS[1]) then
  redis.call('PEXPIRE', KEYS[1], left)
end
local limit = tonumber(ARGV[3])
local over = {}
if limit == 0 then
  return over
end
local passed = {[ARGV[1]] = true}
for i = 5, #ARGV do
  passed[ARGV[i]] = true
end
local pushed = redis.call('HGETALL', KEYS[2])
for i = 1, #pushed, 2 do
  passed[pushed[i]] = true
  if pushed[i + 1] == ARGV[1] then
    over[#over + 1] = pushed[i]
  end
end
if #over > 0 then
  return over -- it is being asked again
end
local living = {}
local suffix = ' ' .. ARGV[2]
for _, m in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if not passed[m] and string.sub(m, -#suffix) == suffix then
    living[#living + 1] = m
  end
end
for i = 1, #living - limit + 1 do
  over[#over + 1] = living[i]
  redis.call('HSET', KEYS[2], living[i], ARGV[1])
end
-- Long enough for whoever pushed them out to end them; if it died before it could, they count again.
redis.call('PEXPIRE', KEYS[2], 60000)
return over
