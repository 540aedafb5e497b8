-- Random patterns over random texts, by SEED, COUNT of them: what find, match, gmatch and gsub make of each, errors included.
local seed = SEED
local function random(n)
  seed = (seed * 6364136223846793005 + 1442695040888963407)
  return (seed >> 33) % n + 1
end
local function pick(list) return list[random(#list)] end
local letters = { 'a', 'b', 'c', 'A', '1', ' ', '.', '(', ')', '%', '[', ']', '-', '^', '$', '*', '\0', '\n', '\xe9', '_' }
local pieces = {
  'a', 'b', '.', '%a', '%A', '%d', '%s', '%w', '%W', '%x', '%p', '%c', '%g', '%l', '%u', '%%', '%.', '%z', '\0', '\xe9',
  '[ab]', '[^ab]', '[a-c]', '[%a_]', '[]]', '[^]]', '[a-]', '[-a]', '[%]]', '[a%-z]', '[^%s]', '[', ']', '[a', '[]', '[^',
  '(', ')', '()', '(', ')', '%1', '%2', '%0', '%9', '%b()', '%bab', '%b', '%bx', '%baa', '%f[a]', '%f[%w]', '%f[^a]', '%f',
  '%f[%z]', '^', '$', '%', '-', '*', '+', '?', 'a-b', '[b-a]', '[%w-b]',
}
local repetitions = { '', '', '', '*', '+', '-', '?' }
local function text(most)
  local parts = {}
  local few = random(2) == 1
  for i = 1, random(most) - 1 do parts[i] = few and letters[random(3)] or pick(letters) end
  return table.concat(parts)
end
local function pattern()
  local parts = {}
  if random(6) == 1 then parts[1] = '^' end
  for i = 1, random(7) - 1 do parts[#parts + 1] = pick(pieces) .. pick(repetitions) end
  if random(6) == 1 then parts[#parts + 1] = '$' end
  if random(40) == 1 then parts = { ('a'):rep(random(30)) .. pick(repetitions), ('a?'):rep(random(250)) } end
  if random(40) == 1 then parts[#parts + 1] = ('()'):rep(random(40)) end
  return table.concat(parts)
end
local templates = { '<%0>', '%1', '%2%1', '%%', 'x', '', '%', '%a', '%9', '<%1>' }
local out = {}
local function show(...)
  local parts = {}
  for i = 1, select('#', ...) do
    local value = select(i, ...)
    local kind = math.type(value) or type(value)
    parts[i] = kind .. ':' .. tostring(value)
  end
  out[#out + 1] = table.concat(parts, ',')
end
local function all(subject, pattern, init)
  local found = {}
  for a, b in string.gmatch(subject, pattern, init) do found[#found + 1] = tostring(a) .. '|' .. tostring(b) end
  return table.concat(found, ';')
end
local function gsub(...)
  local result, count = string.gsub(...)
  return result, count
end
for _ = 1, COUNT do
  local s, p = text(24), pattern()
  local init = random(3) == 1 and random(30) - 15 or nil
  out[#out + 1] = '\n' .. p .. '\n' .. s .. '\n'
  show(pcall(string.find, s, p, init))
  show(pcall(string.find, s, p, init, random(4) == 1))
  show(pcall(string.match, s, p, init))
  show(pcall(all, s, p, init))
  show(pcall(gsub, s, p, pick(templates), random(3) == 1 and random(4) - 2 or nil))
  show(pcall(gsub, s, p, function(a, b) return random(3) > 1 and tostring(a) .. tostring(b) or nil end))
  show(pcall(gsub, s, p, { a = 'x', b = 1, ab = true, c = false }))
  show(pcall(gsub, s, p, pick({ 1, 1.5, true, 'y' })))
end
return table.concat(out, '\n')
