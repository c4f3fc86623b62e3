-- Takes one from a rate limit, or gives one back: limit.Decide and limit.Return. Times are pairs of seconds and
-- nanoseconds, since nanoseconds since 1970 do not fit the numbers of Lua.
-- KEYS: state. ARGV: 'take' or 'return'; now, interval and whole burst, a pair each.
-- Answers whether it was allowed, and what is owed then, as a pair.
local second = 1000000000

local function pair(i)
  return {tonumber(ARGV[i]), tonumber(ARGV[i + 1])}
end
local function add(a, b)
  local s, n = a[1] + b[1], a[2] + b[2]
  if n >= second then
    return {s + 1, n - second}
  end
  return {s, n}
end
local function sub(a, b)
  local s, n = a[1] - b[1], a[2] - b[2]
  if n < 0 then
    return {s - 1, n + second}
  end
  return {s, n}
end
local function less(a, b)
  return a[1] < b[1] or a[1] == b[1] and a[2] < b[2]
end

local now, interval, whole = pair(2), pair(4), pair(6)
local zero = {0, 0}

local owed = zero
local stored = redis.call('GET', KEYS[1])
if stored then
  local s, n = string.match(stored, '^(-?%d+) (%d+)$')
  owed = sub({tonumber(s), tonumber(n)}, now)
  if less(owed, zero) then
    owed = zero
  elseif less(whole, owed) then
    owed = whole
  end
end

local allowed = 1
if ARGV[1] == 'return' then
  if not stored then
    return {1, 0, 0}
  end
  owed = sub(owed, interval)
elseif less(whole, add(owed, interval)) then
  allowed = 0
else
  owed = add(owed, interval)
end

if less(zero, owed) then
  local state = add(now, owed)
  -- A minute longer than needed: the clock of who asks may lag behind the one that expires keys.
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', state[1], state[2]), 'PX', string.format('%.0f', (owed[1] + 61) * 1000))
else
  redis.call('DEL', KEYS[1])
end
return {allowed, owed[1], owed[2]}
