-- Takes from one bucket: `want` points, fewer when fewer are left, none when `least` are not there.
-- The clock is that of Redis, so that processes need not agree on theirs.
local capacity, per_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local least, want, life_ms = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', KEYS[1], 'points', 'at')
local points = tonumber(known[1] or '') or capacity
local at = tonumber(known[2] or '') or now
points = math.min(capacity, points + math.max(0, now - at) * per_ms)
local granted = 0
if points >= least then
  granted = math.floor(math.min(want, points))
  points = points - granted
end
redis.call('HSET', KEYS[1], 'points', tostring(points), 'at', string.format('%d', now))
redis.call('PEXPIRE', KEYS[1], life_ms)
return { granted, math.floor(points) }
