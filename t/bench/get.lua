-- Asks for the paths of a file, in their order, again and again:
--
--     wrk -s get.lua URL -- PATHS [NAME=VALUE ...]
--
-- Prints RESULT: requests, microseconds, answers that are no 2xx, and latencies in
-- microseconds: median, p95, p99, longest.

local paths = {}
local number = 0
local other = 0

function init(args)
    for path in io.lines(args[1]) do paths[#paths + 1] = path end
    for i = 2, #args do
        local name, value = args[i]:match("^([^=]+)=(.*)$")
        wrk.headers[name] = value
    end
end

function request()
    number = number % #paths + 1
    return wrk.format("GET", paths[number])
end

function done(summary, latency)
    print(string.format("RESULT %d %d %d %d %d %d %d", summary.requests, summary.duration,
        summary.errors.status + summary.errors.timeout + summary.errors.read,
        latency:percentile(50), latency:percentile(95), latency:percentile(99), latency.max))
end
