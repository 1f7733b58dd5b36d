-- CORS for the policy of bench.py, as far as Envoy's Lua goes: it has no counters.

local APP = "https://app.example.com"

local function is_allowed(origin)
  return origin == APP or origin:match("^https://[a-z0-9.-]+%.dev%.example%.com$") ~= nil
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local origin = headers:get("origin")
  local metadata = handle:streamInfo():dynamicMetadata()
  if not origin then
    return
  end
  local allowed = is_allowed(origin)
  if headers:get("access-control-request-method") and headers:get(":method") == "OPTIONS" then
    metadata:set("cors", "verdict", "answered")
    if allowed then
      handle:respond({
        [":status"] = "204",
        ["access-control-allow-origin"] = origin,
        ["access-control-allow-credentials"] = "true",
        ["access-control-allow-methods"] = "GET, POST, PUT, DELETE",
        ["access-control-allow-headers"] = "content-type, authorization",
        ["access-control-expose-headers"] = "x-request-id",
        ["access-control-max-age"] = "600",
        ["vary"] = "Origin",
      }, "")
    else
      handle:respond({ [":status"] = "403", ["vary"] = "Origin" }, "")
    end
    return
  end
  metadata:set("cors", "verdict", allowed and origin or "refused")
end

function envoy_on_response(handle)
  local metadata = handle:streamInfo():dynamicMetadata():get("cors")
  local verdict = metadata and metadata["verdict"]
  if verdict == "answered" then
    return
  end
  local headers = handle:headers()
  local vary = headers:get("vary")
  if not vary then
    headers:add("vary", "Origin")
  elseif not vary:lower():find("origin", 1, true) then
    headers:replace("vary", vary .. ", Origin")
  end
  if not verdict then
    headers:remove("access-control-allow-origin")
    return
  end
  if verdict == "refused" then
    headers:remove("access-control-allow-origin")
    headers:remove("access-control-allow-credentials")
    headers:remove("access-control-expose-headers")
  else
    headers:replace("access-control-allow-origin", verdict)
    headers:replace("access-control-allow-credentials", "true")
    headers:replace("access-control-expose-headers", "x-request-id")
  end
  headers:remove("access-control-allow-methods")
  headers:remove("access-control-allow-headers")
  headers:remove("access-control-max-age")
  headers:remove("access-control-allow-private-network")
end
