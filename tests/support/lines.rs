//! What other programs print, line by line.

use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::Sender;

/// Passes on the lines of `stream` with their ends, whatever bytes they hold, until it ends.
///
/// A thread reads for each stream; nothing is read of `None`.
pub fn read_lines(stream: Option<impl Read + Send + 'static>, to: Sender<String>) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
            if to.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
}
