-- Posts one body again and again, as an SDK would send it:
--
--     wrk -s post.lua URL -- BODY-FILE [NAME=VALUE ...]
--
-- The headers follow the file. A {key} in a value is replaced by a new well-formed key for
-- every request, which costs time here too, so the floor gets the same.

local head, tail
local number = 0

function init(args)
    local file = assert(io.open(args[1], "rb"))
    wrk.method = "POST"
    wrk.body = file:read("*a")
    file:close()
    for i = 2, #args do
        local name, value = args[i]:match("^([^=]+)=(.*)$")
        wrk.headers[name] = value
    end
    local text = wrk.format()
    local from, to = text:find("{key}", 1, true)
    if from then
        head, tail = text:sub(1, from - 1), text:sub(to + 1)
        request = function()
            number = number + 1
            return head .. string.format("%032x", number) .. tail
        end
    end
end

function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d %d %d %d\n", summary.requests, summary.duration,
        e.connect, e.read, e.write, e.timeout, e.status, latency:percentile(95)))
end
