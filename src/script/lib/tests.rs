//! What scripts get from the libraries. The results are those of the reference implementation.

use mlua::{Error, Lua, LuaString, Value};

use super::{install, set_room};

/// An interpreter with the libraries.
fn interpreter() -> Lua {
    let lua = Lua::new();
    install(&lua).expect("there is memory");
    lua
}

/// What a script returns as a string, or the text of its error.
fn run(lua: &Lua, script: &str) -> String {
    match lua.load(script).set_name("@user_script").call::<LuaString>(()) {
        Ok(text) => shown(&text.as_bytes()),
        Err(error) => text_of(&error),
    }
}

/// Bytes as text in which only those that cannot be printed are escaped.
fn shown(bytes: &[u8]) -> String {
    let show = |byte: &u8| match byte {
        b' '..=b'~' => char::from(*byte).to_string(),
        other => format!("\\x{other:02x}"),
    };
    bytes.iter().map(show).collect()
}

/// What an error says without what the interpreter puts around it.
fn text_of(error: &Error) -> String {
    match error {
        Error::CallbackError { cause, .. } => text_of(cause),
        Error::RuntimeError(text) | Error::MemoryError(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Runs scripts, each beside what it is to return.
fn all(cases: &[(&str, &str)]) {
    let lua = interpreter();
    for (script, expected) in cases {
        assert_eq!(run(&lua, script), *expected, "{script}");
    }
}

#[test]
fn operations_on_bits_look_at_the_lower_32_of_rounded_numbers() {
    all(&[
        ("return bit.tobit(0xffffffff)", "-1"),
        ("return bit.tobit(2^40 + 7)", "7"),
        ("return bit.tobit(2.5) .. bit.tobit(3.5) .. bit.tobit('0x10')", "2416"),
        ("return bit.band(0xff, 0x1234, 0xf0) .. ' ' .. bit.bor(1, 2, 4) .. ' ' .. bit.bxor(5, 1)", "48 7 4"),
        ("return bit.lshift(1, 31) .. ' ' .. bit.rshift(-1, 28) .. ' ' .. bit.arshift(-16, 2)", "-2147483648 15 -4"),
        ("return bit.rol(0x80000001, 1) .. ' ' .. bit.ror(1, 1) .. ' ' .. bit.bnot(0)", "3 -2147483648 -1"),
        ("return bit.tohex(bit.bswap(0x12345678)) .. bit.tohex(255, -4) .. bit.tohex(255, 2)", "7856341200FFff"),
        ("return '[' .. bit.tohex(1, -2^31) .. bit.tohex(1, 0) .. ']'", "[00000001]"),
        ("return bit.band()", "user_script:1: bad argument #1 to 'band' (number expected, got no value)"),
        ("return bit:bnot()", "user_script:1: calling 'bnot' on bad self (number expected, got table)"),
    ]);
}

#[test]
fn structs_are_packed_in_the_order_and_at_the_alignment_that_the_format_says() {
    all(&[
        ("return struct.pack('>I2<i4B', 258, -2, 7)", "\\x01\\x02\\xfe\\xff\\xff\\xff\\x07"),
        ("return struct.pack('!4 b i', 1, 2)", "\\x01\\x00\\x00\\x00\\x02\\x00\\x00\\x00"),
        ("return struct.pack('sc2c0', 'ab', 'cde', 'f')", "ab\\x00cdf"),
        ("return struct.pack('>dfx', 1.5, -2)", "?\\xf8\\x00\\x00\\x00\\x00\\x00\\x00\\xc0\\x00\\x00\\x00\\x00"),
        ("return struct.size('!8bdI3') .. ''", "21"),
        ("return table.concat({struct.unpack('<i2bc0s', '\\254\\255\\2abcd\\0')}, ' ')", "-2 ab cd 9"),
        ("return table.concat({struct.unpack('>I16', ('\\0'):rep(15) .. '\\9')}, ' ')", "9 17"),
        ("return struct.pack('i33', 1)", "user_script:1: integral size 33 is larger than limit of 32"),
        ("return struct.pack('i99999999999', 1)", "user_script:1: integral size overflow"),
        ("return struct.pack('!3')", "user_script:1: alignment 3 is not a power of 2"),
        ("return struct.pack('z')", "user_script:1: bad argument #1 to 'pack' (invalid format option 'z')"),
        ("return struct.pack('b')", "user_script:1: bad argument #2 to 'pack' (number expected, got nil)"),
        ("return struct.pack('c5', 'a')", "user_script:1: bad argument #3 to 'pack' (string too short)"),
        ("return struct.unpack('i', 'a')", "user_script:1: bad argument #2 to 'unpack' (data string too short)"),
        ("return struct.unpack('c0', 'a')", "user_script:1: format 'c0' needs a previous size"),
        ("return struct.unpack('', '', 0)", "user_script:1: bad argument #3 to 'unpack' (offset must be 1 or greater)"),
        ("return struct.unpack(('b'):rep(8100), ('a'):rep(8100))", "user_script:1: stack overflow (too many results)"),
    ]);
}

#[test]
fn values_become_the_shortest_messages_and_come_back() {
    all(&[
        (
            "return cmsgpack.pack(1, -1, 200, -200, 2^40, 1.5, 0.1, 'a', true, {1, 2}, {a = 1})",
            "\\x01\\xff\\xcc\\xc8\\xd1\\xff8\\xcf\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\xca?\\xc0\\x00\\x00\\xcb?\
             \\xb9\\x99\\x99\\x99\\x99\\x99\\x9a\\xa1a\\xc3\\x92\\x01\\x02\\x81\\xa1a\\x01",
        ),
        ("return cmsgpack.pack({nil, 2})", "\\x81\\x02\\x02"),
        ("local t = {} t[1] = t return bit.tohex(#cmsgpack.pack(t))", "00000011"),
        ("return cjson.encode({cmsgpack.unpack('\\1\\146\\2\\161a\\129\\161b\\194')})", "[1,[2,\"a\"],{\"b\":false}]"),
        ("return cjson.encode({cmsgpack.unpack_one('\\1\\2')})", "[1,1]"),
        ("return cjson.encode({cmsgpack.unpack_limit('\\1\\2\\3', 2, 1)})", "[-1,2,3]"),
        ("return cmsgpack.unpack('\\146\\1')", "user_script:1: Missing bytes in input."),
        ("return cmsgpack.unpack('\\193')", "user_script:1: Bad data format in input."),
        ("return cmsgpack.unpack('\\221\\255\\255\\255\\255')", "user_script:1: Missing bytes in input."),
        ("return cmsgpack.unpack('\\129\\192\\1')", "table index is nil"),
        ("return cmsgpack.pack()", "user_script:1: bad argument #0 to 'pack' (MessagePack pack needs input.)"),
        (
            "return cmsgpack.unpack(('\\145'):rep(5000))",
            "user_script:1: stack overflow (in function mp_decode_to_lua_array)",
        ),
        ("return cmsgpack.unpack_one('a', 2)", "user_script:1: Start offset 2 greater than input length 1."),
    ]);
}

#[test]
fn json_is_written_with_its_escapes_and_14_digits() {
    all(&[
        (
            "return cjson.encode({1, 'a/\"\\\\\\n\\127', true, cjson.null, {}, {a = {0.1, 1e100, -0}}})",
            r#"[1,"a\/\"\\\n\u007f",true,null,{},{"a":[0.1,1e+100,-0]}]"#,
        ),
        ("return cjson.encode({[3] = 1})", "[null,null,1]"),
        ("return cjson.encode({[2^31] = 1})", "{\"2147483648\":1}"),
        ("return cjson.encode({[100] = 1})", "user_script:1: Cannot serialise table: excessively sparse array"),
        (
            "return cjson.encode({[true] = 1})",
            "user_script:1: Cannot serialise boolean: table key must be a number or string",
        ),
        ("return cjson.encode(0/0)", "user_script:1: Cannot serialise number: must not be NaN or Inf"),
        ("return cjson.encode(print)", "user_script:1: Cannot serialise function: type not supported"),
        ("return cjson.encode()", "user_script:1: bad argument #1 to 'encode' (expected 1 argument)"),
        ("local f = cjson.encode return f()", "user_script:1: bad argument #1 to 'f' (expected 1 argument)"),
        ("local t = {} t.t = t return cjson.encode(t)", "user_script:1: Cannot serialise, excessive nesting (1001)"),
    ]);
}

#[test]
fn json_is_read_as_far_as_it_is_right() {
    all(&[
        (
            "return cjson.encode(cjson.decode('[1, -2.5e3, \"\\\\u00e9\\\\ud83d\\\\ude00\", null, {\"a\": [true]}]'))",
            "[1,-2500,\"\\xc3\\xa9\\xf0\\x9f\\x98\\x80\",null,{\"a\":[true]}]",
        ),
        ("return cjson.decode('0x1.8p3') .. ' ' .. cjson.decode('+5') .. ' ' .. cjson.decode('Inf')", "12 5 inf"),
        ("return cjson.decode('[1,2')", "user_script:1: Expected comma or array end but found T_END at character 5"),
        ("return cjson.decode('{1')", "user_script:1: Expected object key string but found T_NUMBER at character 2"),
        ("return cjson.decode('{\"a\" 1}')", "user_script:1: Expected colon but found T_NUMBER at character 6"),
        ("return cjson.decode('nul')", "user_script:1: Expected value but found invalid token at character 1"),
        (
            "return cjson.decode('\"\\\\ud800\"')",
            "user_script:1: Expected value but found invalid unicode escape code at character 2",
        ),
        (
            "return cjson.decode('\"a')",
            "user_script:1: Expected value but found unexpected end of string at character 3",
        ),
        ("return cjson.decode('1 1')", "user_script:1: Expected the end but found T_NUMBER at character 3"),
        ("return cjson.decode('\\0\\0')", "user_script:1: JSON parser does not support UTF-16 or UTF-32"),
        ("return cjson.decode(nil)", "user_script:1: bad argument #1 to 'decode' (string expected, got nil)"),
        (
            "return cjson.decode(('['):rep(1001))",
            "user_script:1: Found too many nested data structures (1001) at character 1001",
        ),
    ]);
}

#[test]
fn settings_of_json_are_told_changed_and_checked() {
    all(&[
        (
            "local c = cjson.new() c.encode_number_precision(3) return c.encode(1/3) .. cjson.encode(1/3)",
            "0.3330.33333333333333",
        ),
        ("local c = cjson.new() c.encode_sparse_array(true) return c.encode({[100] = 1})", "{\"100\":1}"),
        ("local c = cjson.new() c.encode_invalid_numbers('null') return c.encode({0/0, 1/0})", "[null,null]"),
        ("local c = cjson.new() c.encode_invalid_numbers(true) return c.encode({0/0, -1/0})", "[nan,-inf]"),
        (
            "local c = cjson.new() c.decode_invalid_numbers(false) return c.decode('0x1')",
            "user_script:1: Expected value but found invalid number at character 1",
        ),
        (
            "return cjson.new().encode_max_depth(0)",
            "user_script:1: bad argument #1 to 'encode_max_depth' (expected integer between 1 and 2147483647)",
        ),
        (
            "return cjson.new().encode_keep_buffer('x')",
            "user_script:1: bad argument #1 to 'encode_keep_buffer' (invalid option 'x')",
        ),
        (
            "return cjson.new().encode_max_depth(1, 2)",
            "user_script:1: bad argument #2 to 'encode_max_depth' (found too many arguments)",
        ),
        (
            "local c = cjson.new() c.decode_array_with_array_mt(true) return c.encode(c.decode('{\"a\":[]}')) .. cjson.encode(cjson.decode('[]'))",
            "{\"a\":[]}{}",
        ),
    ]);
}

#[test]
fn tables_far_deeper_than_anyone_needs_are_refused_and_not_followed() {
    let lua = interpreter();
    let script = "cjson.encode_max_depth(100000) local t = {} for i = 1, 20000 do t = {t} end return cjson.encode(t)";
    let text = run(&lua, script);
    assert!(text.starts_with("user_script:1: Cannot serialise, excessive nesting ("), "{text}");
    let text = run(&lua, "cjson.decode_max_depth(100000) return cjson.decode(('{\"a\":['):rep(20000))");
    assert!(text.starts_with("user_script:1: Found too many nested data structures ("), "{text}");
}

#[test]
fn what_is_written_has_no_more_room_than_scripts_have_memory() {
    let lua = interpreter();
    set_room(&lua, 4 * 1024 * 1024);
    // each table holds the one before it twice: forty of them are written as a million million
    let doubled = "local t = {1} for i = 1, 40 do t = {t, t} end return cjson.encode(t)";
    assert_eq!(run(&lua, doubled), "not enough memory");
    let packed =
        "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1000) end t = {t, t, t, t, t} return cmsgpack.pack(t)";
    assert_eq!(run(&lua, packed), "not enough memory");
    let sparse = "cjson.encode_sparse_array(false, 0) return cjson.encode({[2^31 - 1] = 1})";
    assert_eq!(run(&lua, sparse), "not enough memory");
    assert_eq!(run(&lua, "return cjson.encode({1})"), "[1]");
}

#[test]
fn null_is_one_value_in_all_tables_of_the_library() {
    let lua = interpreter();
    let same: Value = lua
        .load("return cjson.null == cjson.new().null and cjson.decode('null') == cjson.null")
        .eval()
        .expect("a script");
    assert_eq!(same, Value::Boolean(true));
}
