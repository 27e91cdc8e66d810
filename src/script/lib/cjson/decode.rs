//! JSON to values.

use mlua::{Error, Lua, Result, Table, Value};

use super::super::arguments::Arguments;
use super::super::numbers::leading_number;
use super::settings::Settings;
use super::{ARRAYS, MOST_VALUES};

/// Reads the value that the first argument says.
pub(super) fn decode(lua: &Lua, arguments: &Arguments<'_>, settings: &Settings) -> Result<Value> {
    let text = arguments.text(1)?;
    let text = text.as_bytes();
    if text.len() >= 2 && (text[0] == 0 || text[1] == 0) {
        return Err(arguments.fault("JSON parser does not support UTF-16 or UTF-32"));
    }
    let end = memchr::memchr(0, &text).unwrap_or(text.len());
    let marked = if settings.mark_arrays { Some(lua.named_registry_value(ARRAYS)?) } else { None };
    let mut reader = Reader {
        lua,
        arguments,
        settings,
        text: &text[..end],
        at: 0,
        began: 0,
        unescaped: Vec::new(),
        marked,
        held: 1,
    };
    let value = reader.value()?;
    match reader.token() {
        Token::End => Ok(value),
        other => Err(reader.unexpected("the end", &other)),
    }
}

/// The smallest parts of JSON.
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// Its bytes are those that were [unescaped](Reader::unescaped) last.
    String,
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Wrong(&'static str),
}

/// An array or object of which entries are still to come.
enum Open {
    /// An array, and how many entries it has.
    Array(Table, i64),
    /// An object, and the key of what comes next.
    Object(Table, Value),
}

/// Text that is read.
struct Reader<'a> {
    lua: &'a Lua,
    arguments: &'a Arguments<'a>,
    settings: &'a Settings,
    text: &'a [u8],
    /// What has been read, in bytes.
    at: usize,
    /// Where the last token began, or is wrong.
    began: usize,
    /// The string that was read last.
    unescaped: Vec<u8>,
    /// The metatable that arrays get, if they get one.
    marked: Option<Table>,
    /// How many values the reference implementation would have at hand.
    held: usize,
}

impl Reader<'_> {
    /// Reads a value with all that lies in it.
    fn value(&mut self) -> Result<Value> {
        let mut open = Vec::new();
        self.value_into(&mut open).map_err(|error| match error {
            // the interpreter is short of room for what is held here a little earlier than for what the limit counts
            Error::StackError => self.too_deep(open.len()),
            other => other,
        })
    }

    /// The same, with the arrays and objects around what is being read.
    fn value_into(&mut self, open: &mut Vec<Open>) -> Result<Value> {
        let mut token = self.token();
        loop {
            let mut value = match token {
                Token::String => Value::String(self.lua.create_string(&self.unescaped)?),
                Token::Number(number) => Value::Number(number),
                Token::Boolean(value) => Value::Boolean(value),
                Token::Null => Value::NULL,
                Token::ObjectBegin => {
                    let table = self.descend(open.len(), 3)?;
                    match self.token() {
                        Token::ObjectEnd => Value::Table(table),
                        key => {
                            let key = self.key(&key)?;
                            self.held += 2;
                            open.push(Open::Object(table, key));
                            token = self.token();
                            continue;
                        }
                    }
                }
                Token::ArrayBegin => {
                    let table = self.descend(open.len(), 2)?;
                    if let Some(marked) = &self.marked {
                        table.set_metatable(Some(marked.clone()))?;
                    }
                    match self.token() {
                        Token::ArrayEnd => Value::Table(table),
                        first => {
                            self.held += 1;
                            open.push(Open::Array(table, 0));
                            token = first;
                            continue;
                        }
                    }
                }
                other => return Err(self.unexpected("value", &other)),
            };
            token = loop {
                let Some(innermost) = open.last_mut() else { return Ok(value) };
                match self.put(innermost, value)? {
                    Put::More(token) => break token,
                    Put::Complete(table) => value = Value::Table(table),
                }
                open.pop();
            };
        }
    }

    /// Begins an array or object in so many others, for which so many values have to be at hand.
    fn descend(&mut self, outer: usize, values: usize) -> Result<Table> {
        let depth = outer as i64 + 1;
        if depth > i64::from(self.settings.decode_depth) || self.held + values > MOST_VALUES {
            return Err(self.too_deep(outer + 1));
        }
        self.lua.create_table()
    }

    /// The error of arrays and objects that lie too deep in each other.
    fn too_deep(&self, depth: usize) -> Error {
        let text = format!("Found too many nested data structures ({depth}) at character {}", self.at);
        self.arguments.fault(&text)
    }

    /// Puts a value where it belongs, and reads what follows it.
    fn put(&mut self, open: &mut Open, value: Value) -> Result<Put> {
        match open {
            Open::Array(table, count) => {
                *count += 1;
                table.raw_set(*count, value)?;
                match self.token() {
                    Token::Comma => Ok(Put::More(self.token())),
                    Token::ArrayEnd => {
                        self.held -= 1;
                        Ok(Put::Complete(table.clone()))
                    }
                    other => Err(self.unexpected("comma or array end", &other)),
                }
            }
            Open::Object(table, key) => {
                table.raw_set(&*key, value)?;
                match self.token() {
                    Token::Comma => {
                        let token = self.token();
                        *key = self.key(&token)?;
                        Ok(Put::More(self.token()))
                    }
                    Token::ObjectEnd => {
                        self.held -= 2;
                        Ok(Put::Complete(table.clone()))
                    }
                    other => Err(self.unexpected("comma or object end", &other)),
                }
            }
        }
    }

    /// Makes a key of a token, and reads the colon behind it.
    fn key(&mut self, token: &Token) -> Result<Value> {
        if !matches!(token, Token::String) {
            return Err(self.unexpected("object key string", token));
        }
        let key = Value::String(self.lua.create_string(&self.unescaped)?);
        match self.token() {
            Token::Colon => Ok(key),
            other => Err(self.unexpected("colon", &other)),
        }
    }

    /// The error of a token that is not what was expected.
    fn unexpected(&self, expected: &str, found: &Token) -> Error {
        let found = match found {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::String => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Wrong(what) => what,
        };
        self.arguments.fault(&format!("Expected {expected} but found {found} at character {}", self.began + 1))
    }

    /// Reads a token.
    fn token(&mut self) -> Token {
        while matches!(self.byte(0), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        self.began = self.at;
        let Some(byte) = self.byte(0) else { return Token::End };
        let single = match byte {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => return self.string(),
            b'-' | b'0'..=b'9' if !self.settings.decode_invalid && self.is_no_json_number() => {
                return Token::Wrong("invalid number");
            }
            b'-' | b'0'..=b'9' => return self.number(),
            _ => return self.word(byte),
        };
        self.at += 1;
        single
    }

    /// The byte that comes after so many others.
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.get(self.at + ahead).copied()
    }

    /// Reads a word, or a number that JSON does not have.
    fn word(&mut self, first: u8) -> Token {
        let known = [("true", Token::Boolean(true)), ("false", Token::Boolean(false)), ("null", Token::Null)];
        for (word, token) in known {
            if self.text[self.at..].starts_with(word.as_bytes()) {
                self.at += word.len();
                return token;
            }
        }
        if b"iInN+".contains(&first) && self.settings.decode_invalid && self.is_no_json_number() {
            return self.number();
        }
        Token::Wrong("invalid token")
    }

    /// Whether what follows may be a number, but not one of JSON.
    fn is_no_json_number(&self) -> bool {
        if self.byte(0) == Some(b'+') {
            return true;
        }
        let signed = usize::from(self.byte(0) == Some(b'-'));
        let digits = &self.text[self.at + signed..];
        match digits {
            [b'0', next, ..] => matches!(next, b'x' | b'X' | b'0'..=b'9'),
            [first, ..] if *first <= b'9' => false,
            _ => digits
                .get(..3)
                .is_some_and(|word| word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")),
        }
    }

    /// Reads a number.
    fn number(&mut self) -> Token {
        let (number, taken) = leading_number(&self.text[self.at..]);
        if taken == 0 {
            return self.wrong("invalid number");
        }
        self.at += taken;
        Token::Number(number)
    }

    /// What is wrong here.
    fn wrong(&mut self, what: &'static str) -> Token {
        self.began = self.at;
        Token::Wrong(what)
    }

    /// Reads a string.
    fn string(&mut self) -> Token {
        self.at += 1;
        self.unescaped.clear();
        loop {
            let rest = &self.text[self.at..];
            let Some(plain) = memchr::memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return self.wrong("unexpected end of string");
            };
            self.unescaped.extend_from_slice(&rest[..plain]);
            self.at += plain;
            if rest[plain] == b'"' {
                self.at += 1;
                return Token::String;
            }
            let escaped = match self.byte(1) {
                Some(b'u') => match self.code_point() {
                    Some((letter, taken)) => {
                        self.unescaped.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                        self.at += taken;
                        continue;
                    }
                    None => return self.wrong("invalid unicode escape code"),
                },
                Some(byte @ (b'"' | b'\\' | b'/')) => byte,
                Some(b'b') => b'\x08',
                Some(b't') => b'\t',
                Some(b'n') => b'\n',
                Some(b'f') => b'\x0c',
                Some(b'r') => b'\r',
                _ => return self.wrong("invalid escape code"),
            };
            self.unescaped.push(escaped);
            self.at += 2;
        }
    }

    /// The letter that `\uXXXX` stands for here, or two of these as halves of one, and the bytes that they take.
    fn code_point(&self) -> Option<(char, usize)> {
        let first = self.unit(2)?;
        if first & 0xf800 != 0xd800 {
            return Some((char::from_u32(first)?, 6));
        }
        if first & 0x400 != 0 || self.byte(6) != Some(b'\\') || self.byte(7) != Some(b'u') {
            return None;
        }
        let second = self.unit(8).filter(|second| second & 0xfc00 == 0xdc00)?;
        Some((char::from_u32(((first & 0x3ff) << 10 | second & 0x3ff) + 0x1_0000)?, 12))
    }

    /// Four hexadecimal digits that come after so many bytes.
    fn unit(&self, ahead: usize) -> Option<u32> {
        let digits = self.text.get(self.at + ahead..self.at + ahead + 4)?;
        digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | (*digit as char).to_digit(16)?))
    }
}

/// What follows an entry.
enum Put {
    /// Another one, which begins so.
    More(Token),
    /// Nothing: all of it has been read.
    Complete(Table),
}
