//! Which scripts are short whatever they find: told from what the interpreter has made of them.
//!
//! Such a script goes only forward, but for one loop over what it was given, if that is little, makes no functions, changes no tables but its own, calls nothing but commands that it
//! names and a few functions that take no time, and once it may have written it runs only commands that are short whatever the values. So it may run on the
//! thread of its client: a command that turns out to be long is met before anything was written, and the script begins
//! again where it delays nobody.
//!
//! Source: lopcodes.h and lundump.c of Lua 5.1.

mod dumped;

use std::collections::BTreeMap;

use dumped::{Constant, Dumped, Instruction};

/// Instructions of such a script at most.
const MOST_INSTRUCTIONS: usize = 512;
/// Commands that it runs at most.
const MOST_COMMANDS: usize = 32;
/// By how much it may make strings longer than those that it was given, at most.
const MOST_GROWTH: usize = 8;
/// The same in a loop.
const MOST_REPEATED: usize = 4;
/// Functions that take no time worth speaking of, whatever they are given.
const QUICK: [&[u8]; 3] = [b"tonumber", b"tostring", b"type"];

/// What a command may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effort {
    /// It is short whatever the values at its keys.
    pub(crate) steady: bool,
    /// It changes something.
    pub(crate) writes: bool,
}

/// What is known of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Brevity {
    /// Nothing: it may take as long as it takes.
    #[default]
    Unknown,
    /// It is short if it is given few keys and arguments.
    IfGivenLittle,
    /// It is short.
    Short,
}

/// What is known of the value in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    /// The table `redis`.
    Redis,
    /// The function that runs commands.
    Call,
    /// One of [`QUICK`].
    Quick,
    /// KEYS or ARGV.
    Given,
    /// How many they are.
    Count,
    /// A table that it has made.
    Own,
    /// The constant of this number.
    Constant(usize),
}

/// What is known where an instruction is.
#[derive(Clone, Debug)]
struct State {
    registers: Vec<Known>,
    /// Whether it may have written.
    written: bool,
}

impl State {
    /// Keeps what holds whichever way the script came.
    fn meet(&mut self, other: &State) {
        self.written |= other.written;
        for (known, other) in self.registers.iter_mut().zip(&other.registers) {
            if known != other {
                *known = Known::Nothing;
            }
        }
    }
}

/// Whether a script, as the interpreter dumps it, is short. `effort` tells what a command of this name costs at most, if
/// scripts may run it.
pub(crate) fn of(dump: &[u8], effort: impl Fn(&[u8]) -> Option<Effort>) -> Brevity {
    let script = dumped::read(dump).filter(|script| script.code.len() <= MOST_INSTRUCTIONS);
    let Some(script) = script else { return Brevity::Unknown };
    let state = State { registers: vec![Known::Nothing; script.registers], written: false };
    let mut walk = Walk {
        script: &script,
        effort,
        state: Some(state),
        arriving: BTreeMap::new(),
        loop_end: None,
        has_looped: false,
        commands: 0,
        repeated: 0,
        growth: 1,
    };
    match (0..script.code.len()).all(|at| walk.step(at).is_some()) {
        true if walk.has_looped => Brevity::IfGivenLittle,
        true => Brevity::Short,
        false => Brevity::Unknown,
    }
}

/// The way through a script, from its first instruction to its last.
struct Walk<'s, F> {
    script: &'s Dumped,
    effort: F,
    /// None where nothing leads.
    state: Option<State>,
    /// The same for those who jump to an instruction.
    arriving: BTreeMap<usize, State>,
    /// Where the loop that it is in ends.
    loop_end: Option<usize>,
    has_looped: bool,
    commands: usize,
    /// Those of them that are in a loop.
    repeated: usize,
    growth: usize,
}

impl<F: Fn(&[u8]) -> Option<Effort>> Walk<'_, F> {
    /// Goes over one instruction; none if the script is not known to be short.
    fn step(&mut self, at: usize) -> Option<()> {
        self.meet(at);
        if self.state.is_none() {
            return Some(());
        }
        let instruction = *self.script.code.get(at)?;
        match instruction {
            Instruction::Move { to, from } => {
                let known = self.known(from);
                self.set(to, known)
            }
            Instruction::Constant { to, constant } => self.set(to, Known::Constant(constant)),
            Instruction::Global { to, name } => {
                let known = match self.script.constants.get(name)? {
                    Constant::Text(name) if &**name == b"redis" => Known::Redis,
                    Constant::Text(name) if [&b"KEYS"[..], b"ARGV"].contains(&&**name) => Known::Given,
                    Constant::Text(name) if QUICK.contains(&&**name) => Known::Quick,
                    _ => Known::Nothing,
                };
                self.set(to, known)
            }
            Instruction::Field { to, of, name } => {
                let is_call = matches!(name.and_then(|name| self.script.constants.get(name)),
                    Some(Constant::Text(name)) if &**name == b"call");
                let known = if self.known(of) == Known::Redis && is_call { Known::Call } else { Known::Nothing };
                self.set(to, known)
            }
            Instruction::Sets { from, to } => (from..=to).try_for_each(|to| self.set(to, Known::Nothing)),
            Instruction::Length { to, of } => {
                let known = if self.known(of) == Known::Given { Known::Count } else { Known::Nothing };
                self.set(to, known)
            }
            Instruction::Joins { to, count } => {
                self.growth = self.growth.saturating_mul(count);
                self.set(to, Known::Nothing).filter(|()| self.growth <= MOST_GROWTH && self.loop_end.is_none())
            }
            Instruction::LoopBegins { numbers, end } => self.begin_loop(numbers, end),
            Instruction::LoopEnds => {
                // It goes on behind its beginning, which has been walked for that.
                self.loop_end.take_if(|end| *end == at).map(drop)
            }
            Instruction::NewTable { to } => self.set(to, Known::Own),
            Instruction::Stores { into } => (self.known(into) == Known::Own).then_some(()),
            Instruction::SetsAndSkips { to } => {
                self.set(to, Known::Nothing)?;
                self.jump(at, at + 2)
            }
            Instruction::Jumps { to } => self.jump(at, to),
            Instruction::Tests { sets } => {
                sets.map_or(Some(()), |to| self.set(to, Known::Nothing))?;
                let state = self.state.clone()?;
                self.arrive(at + 2, state);
                Some(())
            }
            Instruction::Calls { function } => self.call(function),
            Instruction::Returns => {
                self.state = None;
                Some(())
            }
            Instruction::Other => None,
        }
    }

    /// All that can be called here answers one value, so that there are never more arguments than the script shows.
    fn call(&mut self, function: usize) -> Option<()> {
        match self.known(function) {
            Known::Quick => {}
            Known::Call => {
                let Known::Constant(name) = self.known(function + 1) else { return None };
                let Constant::Text(name) = self.script.constants.get(name)? else { return None };
                let state = self.state.as_mut()?;
                let effort = (self.effort)(name).filter(|effort| effort.steady || !state.written)?;
                state.written |= effort.writes;
                self.commands += 1;
                self.repeated += usize::from(self.loop_end.is_some());
            }
            _ => return None,
        }
        (function..self.script.registers).try_for_each(|to| self.set(to, Known::Nothing))?;
        (self.commands <= MOST_COMMANDS && self.repeated <= MOST_REPEATED).then_some(())
    }

    /// A loop that runs no more often than there are keys or arguments. What is in it may follow all that is in it.
    fn begin_loop(&mut self, numbers: usize, end: usize) -> Option<()> {
        let is_at_least = |register: usize, least: f64| match self.known(register) {
            Known::Constant(constant) => {
                matches!(self.script.constants.get(constant), Some(Constant::Number(number)) if *number >= least)
            }
            _ => false,
        };
        let is_bounded =
            is_at_least(numbers, 0.0) && self.known(numbers + 1) == Known::Count && is_at_least(numbers + 2, 1.0);
        if self.has_looped || !is_bounded {
            return None;
        }
        (self.has_looped, self.loop_end) = (true, Some(end));
        let state = self.state.as_mut()?;
        state.registers.fill(Known::Nothing);
        state.written = true;
        let state = state.clone();
        self.arrive(end, state);
        Some(())
    }

    fn known(&self, register: usize) -> Known {
        self.state.as_ref().and_then(|state| state.registers.get(register)).copied().unwrap_or(Known::Nothing)
    }

    fn set(&mut self, register: usize, known: Known) -> Option<()> {
        *self.state.as_mut()?.registers.get_mut(register)? = known;
        Some(())
    }

    fn jump(&mut self, at: usize, to: usize) -> Option<()> {
        let state = self.state.take()?;
        self.arrive(to, state);
        (to > at).then_some(())
    }

    /// Notes with what somebody jumps to an instruction.
    fn arrive(&mut self, to: usize, state: State) {
        match self.arriving.get_mut(&to) {
            Some(others) => others.meet(&state),
            None => drop(self.arriving.insert(to, state)),
        }
    }

    /// Joins those who jump to this instruction.
    fn meet(&mut self, at: usize) {
        let Some(arriving) = self.arriving.remove(&at) else { return };
        match &mut self.state {
            Some(state) => state.meet(&arriving),
            None => self.state = Some(arriving),
        }
    }
}

#[cfg(test)]
mod tests {
    use mlua::Lua;

    use super::*;

    fn effort(name: &[u8]) -> Option<Effort> {
        let (steady, writes) = match name {
            b"get" => (false, false),
            b"ttl" => (true, false),
            b"incr" | b"expire" => (true, true),
            b"del" => (false, true),
            _ => return None,
        };
        Some(Effort { steady, writes })
    }

    fn dump(script: &str) -> Vec<u8> {
        let lua = Lua::new();
        lua.load(script).into_function().expect("the script is well-formed").dump(false)
    }

    fn told(script: &str) -> bool {
        of(&dump(script), effort) == Brevity::Short
    }

    #[test]
    fn scripts_of_locks_and_limiters_are_short() {
        for script in [
            "return 1",
            "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end",
            "local c = redis.call('incr',KEYS[1]) if c == 1 then redis.call('expire',KEYS[1],ARGV[1]) end return c",
            "local call = redis.call if call('get','x') then call('del','x') elseif KEYS[2] then call('del','y') end",
            "local n, t = tonumber(ARGV[1]), {redis.call('ttl','x'), 'a'..KEYS[1]} t.x = n return {t, #t, not n, -n}",
            "return redis.call('get','a') or redis.call('get','b') and false",
            "return {redis.call('incr', 'x', tonumber(ARGV[1])), redis.call('ttl', type(KEYS[1]))}",
        ] {
            assert!(told(script), "{script}");
        }
    }

    #[test]
    fn what_may_take_long_is_not_short() {
        for script in [
            "while true do end",
            "for i = 1, 2 do redis.call('incr','x') end",
            "for i = 1, #KEYS do redis.call('incr','x') end",
            "for i, k in pairs(KEYS) do redis.call('incr',k) end",
            "repeat local x = redis.call('get','x') until x",
            "local function f() return f() end return f()",
            "return redis.call(ARGV[1])",
            "return redis.call('sort','x')",
            "return redis.pcall('get','x')",
            "return redis.call(unpack(ARGV))",
            "return redis.call('get', unpack(ARGV))",
            "return string.rep('x', 1e8)",
            "return ('x'):rep(1e8)",
            "redis.call('incr','x') return redis.call('get','big')",
            "if ARGV[1] then redis.call('del','x') end return redis.call('del','y')",
            "return {redis.call('del','x'), redis.call('del','y')}",
            "local x = ARGV[1] x = x..x..x x = x..x..x return x..x",
            "local call = redis.call if ARGV[1] then call = unpack end return call('get', 'x')",
            "local name = 'get' if ARGV[1] then name = 'incr' end return redis.call(name, 'x')",
            "KEYS[1] = 'x'",
            "local t = {} if ARGV[1] then t = KEYS end t.x = 1",
            "foo = 1",
            "return ...",
        ] {
            assert!(!told(script), "{script}");
        }
        let many = "redis.call('incr','x') ".repeat(MOST_COMMANDS);
        assert!(told(&many) && !told(&format!("{many} redis.call('incr','x')")));
        assert!(!told(
            &"local x = 1 ".repeat(MOST_INSTRUCTIONS).replace("local ", "do local ").replace("1 ", "1 end ")
        ));
    }

    #[test]
    fn a_loop_over_what_was_given_is_short_if_that_is_little() {
        let told = |script: &str| of(&dump(script), effort);
        for script in [
            "for i = 2, #ARGV do redis.call('incr', ARGV[i]) end",
            "local n = 0 for i = 1, #KEYS do n = n + redis.call('ttl', KEYS[i]) if n > 5 then break end end return n",
        ] {
            assert_eq!(told(script), Brevity::IfGivenLittle, "{script}");
        }
        for script in [
            "for i = -1e9, #ARGV do end",
            "for i = 1, #ARGV, 0 do end",
            "for i = #ARGV, 1, -1 do end",
            "for i = 1, ARGV[1] do end",
            "for i = 1, #ARGV[1] do end",
            "for i = 1, #KEYS do redis.call('del', KEYS[i]) end",
            "for i = 1, #KEYS do redis.call('get', KEYS[i]) end",
            "for i = 1, #KEYS do for j = 1, #KEYS do end end",
            "for i = 1, #KEYS do end for j = 1, #KEYS do end",
            "for i = 1, #KEYS do while true do end end",
            "local s = ARGV[1] for i = 1, #KEYS do s = s..s end",
            "local f = redis.call for i = 1, #KEYS do f('incr', 'x') f = KEYS[1] end",
            "for i = 1, #KEYS do for _ = 1, #KEYS do break end end",
        ] {
            assert_eq!(told(script), Brevity::Unknown, "{script}");
        }
        let many = |count: usize| format!("for i = 1, #KEYS do {} end", "redis.call('incr','x') ".repeat(count));
        assert_eq!(told(&many(MOST_REPEATED)), Brevity::IfGivenLittle);
        assert_eq!(told(&many(MOST_REPEATED + 1)), Brevity::Unknown);
    }

    #[test]
    fn what_is_no_dump_is_not_short() {
        let dump = dump("return redis.call('get', KEYS[1])");
        assert_eq!(of(&dump, effort), Brevity::Short);
        // What is for debugging is at its end, and is not read.
        for end in 0..dump.len() / 2 {
            assert_eq!(of(&dump[..end], effort), Brevity::Unknown, "{end}");
        }
        for (index, bit) in (0..dump.len()).flat_map(|index| (0..8).map(move |bit| (index, bit))) {
            let mut other = dump.clone();
            other[index] ^= 1 << bit;
            of(&other, effort);
        }
    }
}
