//! LOLWUT: how a cry spreads through a town.

use super::DEFAULT;
use crate::command::Call;
use crate::command::spec::{Arg, Command, Flags};
use crate::resp::errors::ReplyError;
use crate::version::{REDIS_VERSION, VERSION};

pub(super) const LOLWUT: Command = Command {
    name: "lolwut",
    summary: "Displays computer art and the versions",
    since: "5.0.0",
    complexity: "",
    arity: -1,
    flags: Flags::READONLY.and(Flags::FAST),
    args: &[Arg::integer("version").token("VERSION").optional()],
    run: Some(lolwut),
    ..DEFAULT
};

/// From silence to the crier's own place.
const SHADES: &[u8] = b"  .:-=+*#@";
/// How many criers there are.
const CRIERS: usize = 3;
/// The largest picture, in columns and lines.
const MAX_SIZE: (i64, i64) = (200, 100);
/// The picture where no size is asked for, in columns and lines.
const USUAL_SIZE: (i64, i64) = (66, 20);

/// `LOLWUT [VERSION n] [columns [lines ...]]`: every version shows the same kind of picture, and numbers beyond the
/// second are for versions with more to choose.
fn lolwut(call: &mut Call<'_, '_>) -> Result<(), ReplyError> {
    let first = if call.is_word(1, "version") && call.args.len() > 2 {
        call.integer(2)?;
        3
    } else {
        1
    };
    let numbers = (first..call.args.len()).map(|index| call.integer(index)).collect::<Result<Vec<i64>, _>>()?;
    let side = |index: usize, usual: i64, most: i64| numbers.get(index).copied().unwrap_or(usual).clamp(1, most);
    let columns = side(0, USUAL_SIZE.0, MAX_SIZE.0);
    let lines = side(1, USUAL_SIZE.1, MAX_SIZE.1);
    let mut text = picture(columns as usize, lines as usize, call.now.ns() ^ call.info.id);
    text.push_str(&format!("\nPregon ver. {VERSION}\nRedis ver. {REDIS_VERSION}\n"));
    call.reply.verbatim(&text);
    Ok(())
}

/// The rings around each crier, louder where they meet. The same seed gives the same picture.
fn picture(columns: usize, lines: usize, seed: u64) -> String {
    let mut dice = Dice(seed);
    let criers: [_; CRIERS] = std::array::from_fn(|_| (dice.roll() * columns as f64, dice.roll() * lines as f64));
    let mut text = String::with_capacity((columns + 1) * lines);
    for line in 0..lines {
        for column in 0..columns {
            let heard: f64 = criers.iter().map(|crier| loudness(*crier, column as f64, line as f64)).sum();
            let shade = (heard * SHADES.len() as f64) as usize;
            text.push(char::from(SHADES[shade.min(SHADES.len() - 1)]));
        }
        text.push('\n');
    }
    text
}

/// How loud one crier is heard here, between 0 and 1. A character is twice as high as it is wide.
fn loudness((x, y): (f64, f64), column: f64, line: f64) -> f64 {
    let distance = (column - x).hypot(2.0 * (line - y));
    (1.0 + distance.cos()) / (2.0 + distance / 3.0)
}

/// Numbers that look random (SplitMix64).
struct Dice(u64);

impl Dice {
    /// The next number, from 0 up to 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64
    }
}
