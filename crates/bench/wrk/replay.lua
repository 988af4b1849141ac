-- Sends the requests in turn, over and over.

math.randomseed(os.time())
local at = math.random(#templates)

function request()
  at = at % #templates + 1
  return templates[at]
end
