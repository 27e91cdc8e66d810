-- Makes of Lua's own library what scripts find. Given functions of the server: what a caught error looks like, and whether
-- it is the end of the script.
local seen, is_end, real = ...
local rawpcall, rawxpcall, rawload, rawloadstring = pcall, xpcall, load, loadstring
local type, error, rawget, rawset, next, pairs = type, error, rawget, rawset, next, pairs
local setmetatable, getmetatable, select = setmetatable, getmetatable, select
local byte, sub, resume = string.byte, string.sub, coroutine.resume
local find, match, gmatch, gsub = string.find, string.match, string.gmatch, string.gsub
local insert, remove, sort, setn = table.insert, table.remove, table.sort, table.setn

-- Matching goes one call deeper in the interpreter's own stack for each repetition and each group of a pattern.
local MOST_REPETITIONS = 200
local function ensure_shallow(_, pattern)
  if type(pattern) == "string" and #pattern > MOST_REPETITIONS then
    local _, count = gsub(pattern, "[*+?(-]", "")
    if count > MOST_REPETITIONS then error("pattern too complex", 3) end
  end
end
function string.find(...)
  ensure_shallow(...)
  return find(...)
end
function string.match(...)
  ensure_shallow(...)
  return match(...)
end
function string.gmatch(...)
  ensure_shallow(...)
  return gmatch(...)
end
string.gfind = string.gmatch
function string.gsub(...)
  ensure_shallow(...)
  return gsub(...)
end

-- Tables that are not to be changed: what scripts have of them is empty, and shows what is in the real ones.
local guarded = {}
local function refuse() error("Attempt to modify a readonly table", 2) end
local function guard(table, metatable)
  local shown = setmetatable({}, { __index = table, __newindex = refuse, __metatable = metatable })
  guarded[shown] = table
  return shown
end
-- The metatable that they seem to have.
local locked = guard({}, false)

-- What a script sees of an error: not what the server has made of it, and none of the functions here.
local function caught(ok, err, ...)
  if ok then return ok, err, ... end
  if type(err) == "userdata" or (type(err) == "string" and sub(err, 1, 8) == "sandbox:") then err = seen(err) end
  return ok, err
end
-- As in Redis since 7.0, pcall has the text of an error that is a table.
local function caught_text(ok, ...)
  if ok then return ok, ... end
  local _, err = caught(ok, ...)
  local text = type(err) == "table" and rawget(err, "err")
  if type(text) == "string" or type(text) == "number" then err = text end
  return ok, err
end
function real.pcall(...) return caught_text(rawpcall(...)) end
function real.xpcall(...)
  local f, handler = ...
  if select("#", ...) < 2 then error("bad argument #2 to 'xpcall' (value expected)", 2) end
  return caught(rawxpcall(f, function(err)
    -- The end comes from within a hook, where a script's function could not be ended.
    if is_end(err) then return err end
    local _, shown = caught(false, err)
    return handler(shown)
  end))
end
coroutine.resume = function(...) return caught(resume(...)) end

-- Chunks are source: behind a blank, bytecode is nothing but a mistake in it. Their names, up to the first zero, live as
-- long as the parser, which keeps them nowhere, because they are its caller's arguments.
local function as_source(text)
  if type(text) == "string" and byte(text) == 27 then return " " .. text end
  return text
end
local function until_zero(name)
  if type(name) == "string" then return match(name, "^[^%z]*") end
  return name
end
function real.loadstring(...)
  local text, name = ...
  if type(text) ~= "string" then return rawloadstring(...) end
  return rawloadstring(as_source(text), until_zero(name or text))
end
local function loaded(ok, f, err)
  if ok and f then return f end
  local _, shown = caught(false, ok and err or f)
  return nil, shown
end
function real.load(f, name)
  if type(f) ~= "function" then
    error("bad argument #1 to 'load' (function expected, got " .. type(f) .. ")", 2)
  end
  local function read()
    read = f
    return as_source(f())
  end
  -- Within a call of its own, because load gives errors of its reader to the handler of whoever called it.
  return loaded(rawpcall(rawload, function() return read() end, until_zero(name or "=(load)")))
end

local function ensure_open(t)
  if guarded[t] then error("Attempt to modify a readonly table", 0) end
end
function real.rawset(...)
  ensure_open((...))
  return rawset(...)
end
function real.setmetatable(...)
  ensure_open((...))
  return setmetatable(...)
end
function table.insert(...)
  ensure_open((...))
  return insert(...)
end
function table.remove(...)
  ensure_open((...))
  return remove(...)
end
function table.sort(...)
  ensure_open((...))
  return sort(...)
end
function table.setn(...)
  ensure_open((...))
  return setn(...)
end
-- What is shown of a guarded table when somebody walks through it.
function real.next(t, ...) return next(guarded[t] or t, ...) end
function real.pairs(t) return pairs(guarded[t] or t) end
function real.rawget(t, ...) return rawget(guarded[t] or t, ...) end

for _, name in next, { "dofile", "loadfile", "print", "getfenv", "setfenv", "newproxy", "module", "require", "package" } do
  real[name] = nil
end

local globals = guard(real, locked)
for name, value in next, real do
  if type(value) == "table" and name ~= "KEYS" and name ~= "ARGV" and value ~= real then
    real[name] = guard(value, locked)
  end
end
getmetatable("").__metatable = guard({ __index = real.string }, locked)
real._G = globals
setmetatable(real, {
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
})
return globals
