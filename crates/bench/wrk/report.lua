-- What every script begins with: its templates, and at the end the figures of the run as JSON,
-- where BENCH_OUT says. `done` runs in another state than the rest: it gets the answers of the one
-- thread through `worker`.

local file = assert(io.open(os.getenv("BENCH_TEMPLATES"), "rb"))
local templates = {}
for template in file:read("*a"):gmatch("[^%z]+") do
  templates[#templates + 1] = template
end
file:close()

local pause = tonumber(os.getenv("BENCH_PAUSE_MS") or "0")
if pause > 0 then
  -- Evenly spread, so that connections do not march in step.
  function delay()
    return math.random(0, 2 * pause)
  end
end

local worker
function setup(thread)
  worker = thread
end

local extra = {}

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  local out = assert(io.open(os.getenv("BENCH_OUT"), "w"))
  local figures = {
    requests = summary.requests,
    refused = errors.status,
    failed = failed,
    micros = summary.duration,
    p50 = latency:percentile(50),
    p99 = latency:percentile(99),
  }
  for name, value in pairs(extra) do
    figures[name] = value(worker)
  end
  local parts = {}
  for name, value in pairs(figures) do
    parts[#parts + 1] = string.format('"%s":%.0f', name, value)
  end
  out:write("{", table.concat(parts, ","), "}\n")
  out:close()
end
