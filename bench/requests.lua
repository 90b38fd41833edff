-- For wrk: sends the requests of a file (8 digits of length before each) one after the other and, unless "again" is given, each once. Prints what it
-- counted as one line of JSON.
local requests, at, again = {}, 0, false
failures, failure = 0, ""

function init(args)
  local file = assert(io.open(args[1], "rb"))
  again = args[2] == "again"
  for digits in function() return file:read(8) end do
    requests[#requests + 1] = file:read(tonumber(digits))
  end
  file:close()
end

function request()
  at = at + 1
  if at > #requests then
    if not again then
      wrk.thread:stop()
      return "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    end
    at = 1
  end
  return requests[at]
end

function response(status, _, body)
  if status ~= 200 or not body:find('"code":200', 1, true) then
    failures = failures + 1
    failure = body
  end
end

local threads = {}

function setup(thread)
  threads[#threads + 1] = thread
end

function done(summary, latency)
  local errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  for _, thread in ipairs(threads) do
    if thread:get("failures") > 0 then
      io.stderr:write("a request failed: " .. thread:get("failure"):sub(1, 300) .. "\n")
      errors = errors + thread:get("failures")
    end
  end
  io.write(string.format('{"requests":%d,"seconds":%f,"p50":%f,"p99":%f,"errors":%d}\n', summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, errors))
end
