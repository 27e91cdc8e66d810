-- Makes of Lua's own library what scripts find. Given the functions of the server: what a caught error looks like.
local seen, real = ...
local rawpcall, rawxpcall, rawload = pcall, xpcall, loadstring
local type, error, setmeta, getmeta, rawset_, concat = type, error, setmetatable, getmetatable, rawset, table.concat
local byte, resume, select = string.byte, coroutine.resume, select
local find, match, gmatch, gsub = string.find, string.match, string.gmatch, string.gsub

-- Matching goes one call deeper in the interpreter's own stack for each repetition and each group of a pattern.
local MOST_REPETITIONS = 200
local function ensure_shallow(pattern)
  if type(pattern) == "string" and #pattern > MOST_REPETITIONS then
    local _, count = gsub(pattern, "[*+?(-]", "")
    if count > MOST_REPETITIONS then error("pattern too complex", 3) end
  end
end
function string.find(s, pattern, ...)
  ensure_shallow(pattern)
  return find(s, pattern, ...)
end
function string.match(s, pattern, ...)
  ensure_shallow(pattern)
  return match(s, pattern, ...)
end
function string.gmatch(s, pattern)
  ensure_shallow(pattern)
  return gmatch(s, pattern)
end
string.gfind = string.gmatch
function string.gsub(s, pattern, ...)
  ensure_shallow(pattern)
  return gsub(s, pattern, ...)
end

-- Tables that are not to be changed: what scripts have of them is empty, and shows what is in the real ones.
local guarded = {}
local function refuse() error("Attempt to modify a readonly table", 2) end
local function guard(table)
  local shown = setmeta({}, { __index = table, __newindex = refuse, __metatable = false })
  guarded[shown] = table
  return shown
end

local function caught(ok, err, ...)
  if ok or type(err) ~= "userdata" then return ok, err, ... end
  return ok, seen(err)
end
function real.pcall(...) return caught(rawpcall(...)) end
function real.xpcall(f, handler) return caught(rawxpcall(f, function(err) return handler(seen(err)) end)) end
coroutine.resume = function(...) return caught(resume(...)) end

-- The parser keeps the name of what it reads nowhere: it has to live as long as that takes, as it is, up to its first zero.
local named = { "@user_script" }
local function source_only(text, name)
  if type(text) == "string" and byte(text) == 27 then return nil, "bytecode is not loaded" end
  if type(name) == "string" then
    name = match(name, "^[^%z]*")
    named[2] = name
  end
  return rawload(text, name)
end
function real.loadstring(text, name) return source_only(text, name or text) end
function real.load(f, name)
  if type(f) ~= "function" then
    error("bad argument #1 to 'load' (function expected, got " .. type(f) .. ")", 2)
  end
  local parts = {}
  while true do
    local part = f()
    if part == nil or part == "" then break end
    if type(part) ~= "string" then return nil, "reader function must return a string" end
    parts[#parts + 1] = part
  end
  return source_only(concat(parts), name or "=(load)")
end

function real.rawset(t, k, v)
  if guarded[t] then error("Attempt to modify a readonly table", 0) end
  return rawset_(t, k, v)
end
function real.setmetatable(t, m)
  if guarded[t] then error("Attempt to modify a readonly table", 0) end
  return setmeta(t, m)
end
-- What is shown of a guarded table when somebody walks through it.
local rawnext, rawget_ = next, rawget
local rawpairs = pairs
function real.next(t, k) return rawnext(guarded[t] or t, k) end
function real.pairs(t) return rawpairs(guarded[t] or t) end
function real.rawget(t, k) return rawget_(guarded[t] or t, k) end
for _, name in rawnext, { "insert", "remove", "sort", "setn" } do
  local raw = table[name]
  table[name] = function(t, ...)
    if guarded[t] then error("Attempt to modify a readonly table", 0) end
    return raw(t, ...)
  end
end

for _, name in rawnext, { "dofile", "loadfile", "print", "getfenv", "setfenv", "newproxy", "module", "require", "package" } do
  real[name] = nil
end

local globals = setmeta({}, { __index = real, __newindex = refuse, __metatable = false })
guarded[globals] = real
for name, value in rawnext, real do
  if type(value) == "table" and name ~= "KEYS" and name ~= "ARGV" and value ~= real then
    real[name] = guard(value)
  end
end
getmeta("").__metatable = guard({ __index = real.string })
real._G = globals
setmeta(real, {
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
})
return globals
