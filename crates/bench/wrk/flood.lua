-- As replay, and tells the times of those who were served from the times of those who were
-- refused: each request is told apart by the id that the server repeats.

local ffi = require("ffi")
ffi.cdef([[
  typedef struct { long seconds; long nanos; } bench_time;
  int clock_gettime(int clock, bench_time *now);
]])
local reading = ffi.new("bench_time")
local function now()
  ffi.C.clock_gettime(1, reading)
  return tonumber(reading.seconds) * 1e6 + tonumber(reading.nanos) / 1e3
end

math.randomseed(os.time())
local split = {}
for at = 1, #templates do
  local before, after = templates[at]:match("^(.-)@ID@(.*)$")
  split[at] = { before, after }
end

local sent, begun = 0, {}
served, refused = {}, {}

function request()
  sent = sent + 1
  local parts = split[sent % #split + 1]
  begun[sent] = now()
  return parts[1] .. sent .. parts[2]
end

function response(status, headers, body)
  local id = tonumber(headers["x-request-id"])
  if not id or not begun[id] then
    return
  end
  local took = now() - begun[id]
  begun[id] = nil
  if status == 200 then
    served[#served + 1] = took
  elseif status == 429 or status == 503 then
    refused[#refused + 1] = took
  end
end

local function percentile(name, percent)
  return function(thread)
    local times = thread:get(name)
    table.sort(times)
    return times[math.max(1, math.ceil(#times * percent / 100))] or 0
  end
end

extra.served = function(thread) return #thread:get("served") end
extra.shed = function(thread) return #thread:get("refused") end
extra.served_p50 = percentile("served", 50)
extra.served_p99 = percentile("served", 99)
extra.shed_p50 = percentile("refused", 50)
extra.shed_p99 = percentile("refused", 99)
