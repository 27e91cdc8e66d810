//! A script as the interpreter dumps it: instructions of Lua 5.1, as far as it matters what they do.

/// What dumps begin with where numbers are as wide as on the machines that we know.
const HEADER: &[u8] = b"\x1bLua\x51\x00\x01\x04\x08\x04\x08\x00";
/// Operands from here on are constants, the others registers.
const FIRST_CONSTANT: usize = 1 << 8;

/// A constant.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Constant {
    Text(Box<[u8]>),
    Number(f64),
    Other,
}

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    Move {
        to: usize,
        from: usize,
    },
    Constant {
        to: usize,
        constant: usize,
    },
    Global {
        to: usize,
        name: usize,
    },
    /// A field of a table, with the number of the constant that names it.
    Field {
        to: usize,
        of: usize,
        name: Option<usize>,
    },
    NewTable {
        to: usize,
    },
    /// Something quick that puts values into these registers.
    Sets {
        from: usize,
        to: usize,
    },
    /// The length of something.
    Length {
        to: usize,
        of: usize,
    },
    /// So many strings are joined.
    Joins {
        to: usize,
        count: usize,
    },
    /// Something is put into a table.
    Stores {
        into: usize,
    },
    SetsAndSkips {
        to: usize,
    },
    Jumps {
        to: usize,
    },
    /// A loop over numbers begins, whose first number, last one and step are in these registers; its end is at that place.
    LoopBegins {
        numbers: usize,
        end: usize,
    },
    /// It ends, or goes on behind its beginning.
    LoopEnds,
    /// The next instruction is skipped or not; a register may be set.
    Tests {
        sets: Option<usize>,
    },
    /// What is called, and its arguments, are in the registers from this one on; what it answers, too.
    Calls {
        function: usize,
    },
    Returns,
    Other,
}

/// A function without others in it.
#[derive(Debug)]
pub(super) struct Dumped {
    pub(super) registers: usize,
    pub(super) code: Vec<Instruction>,
    pub(super) constants: Vec<Constant>,
}

/// Reads a dump.
pub(super) fn read(dump: &[u8]) -> Option<Dumped> {
    let mut rest = Bytes(dump.strip_prefix(HEADER)?);
    rest.text()?;
    // The lines where it is defined, its upvalues and its parameters.
    rest.take(4 + 4 + 1 + 1 + 1)?;
    let registers = usize::from(*rest.take(1)?.first()?);
    let code = (0..rest.number()?).map(|at| Some(instruction(at as usize, rest.number()?))).collect::<Option<_>>()?;
    let constants = (0..rest.number()?).map(|_| rest.constant()).collect::<Option<_>>()?;
    // Behind them is what is for debugging.
    let functions = rest.number()?;
    (functions == 0).then_some(Dumped { registers, code, constants })
}

/// The bytes that have not been read.
struct Bytes<'d>(&'d [u8]);

impl<'d> Bytes<'d> {
    fn take(&mut self, count: usize) -> Option<&'d [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// With the zero byte at its end, which does not belong to it.
    fn text(&mut self) -> Option<&'d [u8]> {
        let len = u64::from_le_bytes(self.take(8)?.try_into().ok()?);
        let text = self.take(usize::try_from(len).ok()?)?;
        Some(text.strip_suffix(b"\0").unwrap_or(text))
    }

    fn constant(&mut self) -> Option<Constant> {
        match self.take(1)? {
            [0] => {}
            [1] => drop(self.take(1)?),
            [3] => return Some(Constant::Number(f64::from_le_bytes(self.take(8)?.try_into().ok()?))),
            [4] => return self.text().map(|text| Constant::Text(text.into())),
            _ => return None,
        }
        Some(Constant::Other)
    }
}

/// The instruction at this place.
fn instruction(at: usize, word: u32) -> Instruction {
    let (a, b, c) = ((word >> 6 & 0xff) as usize, (word >> 23) as usize, (word >> 14 & 0x1ff) as usize);
    let wide = (word >> 14) as usize;
    let target = (at + 1 + wide).saturating_sub((1 << 17) - 1);
    match word & 0x3f {
        0 => Instruction::Move { to: a, from: b },
        1 => Instruction::Constant { to: a, constant: wide },
        2 if c != 0 => Instruction::SetsAndSkips { to: a },
        3 => Instruction::Sets { from: a, to: b },
        5 => Instruction::Global { to: a, name: wide },
        6 => Instruction::Field { to: a, of: b, name: c.checked_sub(FIRST_CONSTANT) },
        10 => Instruction::NewTable { to: a },
        // A value that is false or true, and what makes one value of one or two.
        2 | 12..=19 => Instruction::Sets { from: a, to: a },
        20 => Instruction::Length { to: a, of: b },
        21 => Instruction::Joins { to: a, count: (c + 1).saturating_sub(b) },
        9 => Instruction::Stores { into: a },
        // Elements of a new table; where very many begin is said by the next word.
        34 if c != 0 => Instruction::Stores { into: a },
        22 => Instruction::Jumps { to: target },
        31 => Instruction::LoopEnds,
        32 => Instruction::LoopBegins { numbers: a, end: target },
        23..=26 => Instruction::Tests { sets: None },
        27 => Instruction::Tests { sets: Some(a) },
        28 | 29 => Instruction::Calls { function: a },
        30 => Instruction::Returns,
        _ => Instruction::Other,
    }
}
