//! What clients of the model say, and what they are told, as text.

use crate::ids::Topic;

/// What begins a subscription, by its topic.
pub(super) const SUBSCRIBE: [&str; 3] = ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"];

/// What publishes this.
pub(super) fn publish((topic, channel): (Topic, &str), payload: &str) -> String {
    let command = if topic == Topic::Channel { "PUBLISH" } else { "SPUBLISH" };
    let lens = [command.len(), channel.len(), payload.len()];
    format!("*3\r\n${}\r\n{command}\r\n${}\r\n{channel}\r\n${}\r\n{payload}", lens[0], lens[1], lens[2])
}

/// So many bytes, which are others for each message and at each place.
pub(super) fn filling(number: usize, len: usize) -> String {
    (0..len).map(|place| char::from(b'a' + ((number + place * (place / 26 + 1)) % 26) as u8)).collect()
}

/// The frames of RESP3 in some text: their kinds and elements.
pub(super) fn frames(text: &str) -> Vec<(char, Vec<&str>)> {
    let mut lines = text.split_terminator("\r\n");
    let mut frames = Vec::new();
    while let Some(line) = lines.next() {
        let (kind, rest) = line.split_at(1);
        let mut words = Vec::new();
        if kind == "$" {
            words.push(lines.next().expect("a bulk"));
        } else if kind == ">" {
            for _ in 0..rest.parse::<usize>().expect("a number of elements") {
                let head = lines.next().expect("an element");
                words.push(if head.starts_with('$') { lines.next().expect("a bulk") } else { head });
            }
        } else {
            words.push(rest);
        }
        frames.push((kind.chars().next().expect("a kind"), words));
    }
    frames
}
