//! Patterns that lie around while messages flow.

use std::io;

use super::FanOut;
use super::flow::Held;
use super::stream::Stream;
use super::target::Target;

/// Subscribes to the cold and the hot patterns of a case. The client of the hot ones, 1,000 at most, is answered with
/// one of its patterns, which all have the same length; the clients of the cold ones receive nothing.
pub(crate) fn subscribe(target: &Target, case: &FanOut, channel: &str) -> io::Result<(Option<(Stream, String)>, Held)> {
    let mut held = Held::new();
    if case.cold_patterns > 0 {
        held = target.subscribe_many("PSUBSCRIBE", &cold(&case.cold_shape, case.cold_patterns))?;
    }
    if case.hot_patterns == 0 {
        return Ok((None, held));
    }
    let patterns: Vec<String> = (0..case.hot_patterns).map(|number| hot(channel, number)).collect();
    let mut clients = target.subscribe_many("PSUBSCRIBE", &patterns)?;
    Ok((clients.pop().map(|stream| (stream, hot(channel, 0))), held))
}

/// Patterns of one shape, in which `#` stands for the number of the pattern. None of them may match the channels of
/// the cases, whose names are `news:sports:` and digits.
pub(crate) fn cold(shape: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| shape.replace('#', &number.to_string())).collect()
}

/// A pattern that matches `channel`: a `*` behind it, and `?` for those of its bytes whose bit is set in `number`.
fn hot(channel: &str, number: usize) -> String {
    let bytes = channel.chars().enumerate();
    bytes.map(|(i, byte)| if i < 32 && number >> i & 1 == 1 { '?' } else { byte }).chain(['*']).collect()
}
