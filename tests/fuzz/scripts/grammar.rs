//! Scripts that are made to do harm: each symbol becomes one of its texts, in which a mark and a letter stand for another
//! symbol.
//!
//! Left out is what no interpreter of this kind can end, here or elsewhere: patterns that go back and forth over long texts,
//! and repetitions of nothing.

use fastrand::Rng;

use crate::mutation::pick;

/// How many symbols of one script become long texts; then come short ones.
const SYMBOLS: u32 = 60;

/// A whole script.
pub(super) fn script(random: &mut Rng) -> String {
    let mut text = String::from("local a, b, c, d = 1, 'text', {1, 2, {3}}, function(...) return ... end\n");
    let mut left = SYMBOLS;
    for _ in 0..random.usize(1..=3) {
        expand("@s", &mut left, &mut text, random);
        text.push('\n');
    }
    expand(
        pick(&["return @e", "return {@e, @e}", "return @a", "error(@e)", "return @t"], random),
        &mut left,
        &mut text,
        random,
    );
    text
}

/// Writes a text with symbols.
fn expand(template: &str, left: &mut u32, text: &mut String, random: &mut Rng) {
    let mut parts = template.split('@');
    text.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (symbol, rest) = part.split_at(1);
        *left = left.saturating_sub(1);
        let (long, short) = texts(symbol);
        let chosen = if *left > 0 && random.u8(0..4) > 0 { long } else { short };
        expand(pick(chosen, random), left, text, random);
        text.push_str(rest);
    }
}

/// What a symbol may become: texts with more symbols, or such as end.
fn texts(symbol: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match symbol {
        "a" => (ANSWERS, &["{ok = 1}", "{err = 'MY e\\r\\n'}"]),
        "c" => (&["'GET'", "@e", "'ECHO', @e"], &["'SET'", "nil", "'x'"]),
        "e" => (EXPRESSIONS, SIMPLE),
        "f" => (FUNCTIONS, &["d", "error", "tostring", "coroutine.yield", "redis.call", "cjson.encode"]),
        "g" => (
            &["cmsgpack.pack(@e, @e)", "string.char(@b, @b, @b, 1, 2)", "('\\145'):rep(@n)"],
            &["'\\147\\1'", "'\\255\\0'"],
        ),
        "b" => (&["@b"], &["0", "127", "144", "160", "192", "207", "217", "220", "255"]),
        "j" => (
            &["cjson.encode(@e)", "('['):rep(@n)", "('{\"a\":'):rep(@n)"],
            &["'[1,{\"a\":null}]'", "'\"\\\\ud800'", "'[1e999]'"],
        ),
        "m" => (METATABLES, &["{}", "{__metatable = false}", "c"]),
        "n" => {
            (&["#@q", "@n - 1"], &["0", "1", "-1", "3", "200", "10000", "1e6", "2^31", "2^53", "-2^63", "0/0", "1e308"])
        }
        "o" => (&["@o@o"], &["%d", "%s", "%q", "%99999d", "%.99f", "%c", "%x", "%i", "%", "%y", "%5.2s", "%g", "%*d"]),
        "p" => (
            &["@p"],
            &["'a?'", "'.'", "'%'", "'['", "'(a)*'", "'%b()'", "'%f'", "'()'", "('a?'):rep(300)", "'^x'", "'%1'"],
        ),
        "q" => (&["'@o'", "tostring(@e):sub(1, 40)"], &["''", "'x'", "'\\0\\255'", "b", "'a b'"]),
        "r" => {
            (&["@r@r", "@r@r"], &["b", "H", "i4", "L", "I16", "d", "s", "c0", "c9", "x", "!4", ">", "<", "I99", "z"])
        }
        "s" => (STATEMENTS, &["a = @e", "c[@e] = @e", "pcall(d)", "error(@e)"]),
        "t" => (TABLES, &["{}", "c", "{1, nil, 3}", "_G", "redis", "KEYS"]),
        "u" => (&["@s @s", "@s\n@s @s"], &["a = 1", "return a"]),
        _ => (&["a", "b", "c", "d"], &["a", "b", "c", "d"]),
    }
}

const SIMPLE: &[&str] = &[
    "nil",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "0/0",
    "1/0",
    "2^53",
    "1e308",
    "''",
    "'x'",
    "'\\0\\255'",
    "{}",
    "a",
    "b",
    "c",
    "d",
    "...",
    "_G",
    "KEYS",
    "ARGV[1]",
    "redis",
    "cjson.null",
    "print",
    "coroutine.running()",
];

const ANSWERS: &[&str] = &[
    "{ok = @e}",
    "{err = @e}",
    "{double = @e}",
    "{map = @t}",
    "{set = @t}",
    "{big_number = @e}",
    "{@a, @a}",
    "{verbatim_string = {format = @e, string = @e}}",
    "redis.error_reply(@e)",
    "redis.status_reply(@e)",
    "redis.pcall(@c, @e)",
    "setmetatable({@e}, @m)",
    "(function() local t = {} t[1] = t return t end)()",
    "(function() local t = {} for i = 1, 2000 do t = {t, @e} end return t end)()",
    "(function() local t = {} for i = 1, 5000 do t[i] = 'x' end return t end)()",
    "{map = {[@e] = @a}}",
];

const EXPRESSIONS: &[&str] = &[
    "@e",
    "@t",
    "@f",
    "@a",
    "(@e == @e)",
    "(@e < @e)",
    "(@e .. @e)",
    "(@e + @e)",
    "(@e % @e)",
    "#@t",
    "-@e",
    "not @e",
    "@v[@e]",
    "@v(@e)",
    "@v.x",
    "@v:x(@e)",
    "(@f)(@e, @e)",
    "tostring(@e)",
    "tonumber(@e, @n)",
    "type(@e)",
    "select(@n, @e, @e)",
    "unpack(@t, @n, @n)",
    "('x'):rep(@n)",
    "('ab'):rep(@n) .. @e",
    "string.format('@o', @e, @e)",
    "string.find(@q, @p)",
    "string.gsub(@q, @p, @f)",
    "string.gsub(@q, @p, @e)",
    "string.match(@q, @p, @n)",
    "string.gmatch(@q, @p)",
    "string.byte(@q, @n, @n)",
    "string.char(@n)",
    "string.dump(@f)",
    "string.sub(@e, @n, @n)",
    "string.upper(@e)",
    "string.reverse(@q)",
    "table.concat(@t, @q, @n, @n)",
    "table.insert(@t, @e)",
    "table.remove(@t, @n)",
    "table.maxn(@t)",
    "table.getn(@t)",
    "next(@t, @e)",
    "rawget(@t, @e)",
    "rawset(@t, @e, @e)",
    "rawequal(@e, @e)",
    "getmetatable(@e)",
    "setmetatable(@t, @m)",
    "loadstring(@q)",
    "loadstring(string.dump(@f), @e)",
    "loadstring('return ' .. @q, @q)()",
    "load(@f, @e)",
    "load(function() return string.dump(@f) end)",
    "load(function() error(@e) end)",
    "load(function() return redis.call(@c) end)",
    "cjson.encode(@e)",
    "cjson.decode(@j)",
    "cjson.decode(@q)",
    "cjson.encode_max_depth(@n)",
    "cjson.encode_number_precision(@n)",
    "cjson.encode_sparse_array(@e, @n, @n)",
    "cjson.new().encode(@t)",
    "cmsgpack.pack(@e, @t)",
    "cmsgpack.unpack(@g)",
    "cmsgpack.unpack_limit(@g, @n, @n)",
    "cmsgpack.unpack_one(@g, @n)",
    "struct.pack('@r', @e, @e, @e)",
    "struct.unpack('@r', @g, @n)",
    "struct.size('@r')",
    "bit.band(@e, @e)",
    "bit.tohex(@n, @n)",
    "bit.lshift(@n, @n)",
    "redis.call(@c, @e)",
    "redis.pcall(@c, @e)",
    "redis.call(unpack(@t))",
    "redis.sha1hex(@e)",
    "redis.setresp(@n)",
    "redis.acl_check_cmd(@c)",
    "redis.log(@n, @e)",
    "redis.set_repl(@n)",
    "coroutine.wrap(@f)(@e)",
    "coroutine.create(@f)",
    "coroutine.resume(coroutine.create(@f), @e)",
    "coroutine.resume(@v)",
    "coroutine.yield(@e)",
    "coroutine.status(@e)",
    "pcall(@f, @e)",
    "pcall(pcall, @f)",
    "xpcall(@f, @f)",
    "pcall(coroutine.wrap(@f))",
    "collectgarbage(@e)",
    "collectgarbage('setpause', @n)",
    "collectgarbage('stop')",
    "gcinfo()",
    "math.floor(@e)",
    "math.random(@n, @n)",
    "math.fmod(@n, @n)",
    "assert(@e, @e)",
    "getfenv",
    "setfenv",
    "debug",
    "newproxy(true)",
];

const FUNCTIONS: &[&str] = &[
    "function(...) @u end",
    "function(x, y) return @e end",
    "function() error(@e) end",
    "function() return redis.call(@c, @e) end",
    "function(...) return coroutine.yield(...) end",
    "function() while true do end end",
    "function() while true do pcall(error, @e) end end",
    "coroutine.wrap(@f)",
    "pcall",
    "xpcall",
    "select",
    "setmetatable(@t, {__call = @f})",
    "function(...) return @f, ... end",
    "redis.pcall",
    "load",
    "loadstring",
    "unpack",
    "table.concat",
    "cmsgpack.pack",
    "cjson.decode",
    "struct.pack",
    "string.format",
];

const METATABLES: &[&str] = &[
    "{__index = @e}",
    "{__index = @f, __newindex = @f}",
    "{__newindex = @t}",
    "{__tostring = @f, __concat = @f}",
    "{__call = @f}",
    "{__eq = @f, __lt = @f, __le = @f, __unm = @f, __add = @f, __len = @f, __mod = @f}",
    "{__metatable = @e}",
    "{__gc = @f, __mode = 'kv'}",
    "{__index = setmetatable({}, @m)}",
    "{__pairs = @f, __ipairs = @f}",
];

const TABLES: &[&str] = &[
    "{@e, @e}",
    "{x = @e}",
    "{[@e] = @e}",
    "{[1] = @e, [1000000] = @e}",
    "setmetatable({@e}, @m)",
    "{@a}",
    "{unpack(@t)}",
    "setmetatable(setmetatable({}, @m), @m)",
    "{err = @e, ok = @e}",
    "getmetatable('')",
    "{pairs(@t)}",
    "string",
];

const STATEMENTS: &[&str] = &[
    "@v = @e",
    "local a = @e",
    "@v[@e] = @e",
    "for i = 1, @n do @u end",
    "while @e do @u end",
    "repeat @u until @e",
    "for k, v in pairs(@t) do @u end",
    "for _, v in ipairs(@t) do @u end",
    "for w in @f do @u end",
    "if @e then @u else @u end",
    "pcall(function(...) @u end)",
    "do @u end",
    "local function g(...) @u g(...) end g(@e)",
    "local function g(x) return g(x) + 1 end g(@e)",
    "local function g() return pcall(g) end g()",
    "local function g() return coroutine.wrap(g)() end g()",
    "table.sort(@t, @f)",
    "table.sort({3, 1, 2, 5, 4}, @f)",
    "x = @e",
    "_G.x = @e",
    "rawset(_G, @e, @e)",
    "setmetatable(_G, @m)",
    "string.rep = @e",
    "getmetatable('').__index = @e",
    "redis.call = @e",
    "cjson.encode = @e",
    "table.insert(_G, @e)",
    "rawset(redis, 'call', @e)",
    "KEYS = @e",
    "ARGV[1] = @e",
    "local t = {} for i = 1, 1e9 do t[i] = @e end",
    "local s = 'x' while true do s = s .. s end",
    "local t = {} while true do t = {t} end",
    "while true do pcall(@f) end",
    "for i = 1, 1e9 do coroutine.wrap(@f)() end",
    "xpcall(@f, function(e) @u end)",
    "error(@e, @n)",
    "redis.call(@c, @e)",
    "c = setmetatable(c, @m)",
    "d = @f",
    "@e = @e",
    "goto x",
    "getmetatable(_G).__index = @e",
    "for i = 1, 300 do c = {c} end",
    "local f = loadstring(@q) if f then f() end",
    "string.gsub(@q, '.', function(x) @u end)",
    "c.c = c",
    "while true do redis.pcall(@c, @e) end",
    "b = b .. tostring(@e)",
];
