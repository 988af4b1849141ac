-- Turns chains of refresh tokens: each answer's token is sent in its turn, and none is ever on
-- its way twice. The first template is the request, the others are the tokens.

math.randomseed(os.time())
local before, after = templates[1]:match("^(.-)@TOKEN@(.*)$")
local tokens, first, last = {}, 1, 0
for at = 2, #templates do
  last = last + 1
  tokens[last] = templates[at]
end

function request()
  if first > last then
    error("no refresh token is left: too many were refused")
  end
  local token = tokens[first]
  tokens[first] = nil
  first = first + 1
  return before .. token .. after
end

function response(status, headers, body)
  local token = status == 200 and body:match('"refresh_token":"([^"]+)"')
  if token then
    last = last + 1
    tokens[last] = token
  end
end
