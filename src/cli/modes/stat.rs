//! `--stat`: a line of figures from time to time.

use std::thread;
use std::time::Duration;

use super::{ask_again, refuse};
use crate::cli::client::{Client, Failure};
use crate::cli::options::Options;
use crate::cli::reply::Reply;

const HEADER: &str = "\
------- data ------ --------------------- load -------------------- - child -
keys       mem      clients blocked requests            connections          
";

/// After so many lines the header is printed again.
const LINES_BELOW_HEADER: u64 = 20;

/// Prints lines until the program is ended.
pub(super) fn run(client: &mut Client<'_>, options: &Options) -> Result<(), Failure> {
    let interval = if options.interval.is_zero() { Duration::from_secs(1) } else { options.interval };
    let mut requests = None;
    for line in 0_u64.. {
        let info = match ask_again(client, "INFO")? {
            Reply::Bulk(text) | Reply::Verbatim(text) => String::from_utf8_lossy(&text).into_owned(),
            Reply::Error(text) => return Err(refuse(client, "ERROR: ", &text)),
            _ => String::new(),
        };
        if line % LINES_BELOW_HEADER == 0 {
            client.say(HEADER)?;
        }
        client.say(&figures(&info, &mut requests))?;
        thread::sleep(interval);
    }
    Ok(())
}

/// One line. `requests` are those of the line before.
fn figures(info: &str, requests: &mut Option<i64>) -> String {
    let keys: i64 = info.lines().filter_map(keys_of_database).sum();
    let memory = bytes_to_human(field(info, "used_memory"));
    let clients = field(info, "connected_clients");
    let blocked = field(info, "blocked_clients");
    let all = field(info, "total_commands_processed");
    let commands = format!("{all} (+{})", requests.map_or(0, |before| all - before));
    *requests = Some(all);
    let connections = field(info, "total_connections_received");
    let saving = field(info, "rdb_bgsave_in_progress") | field(info, "aof_rewrite_in_progress") << 1;
    let child = match saving | field(info, "loading") << 2 {
        1 => "SAVE",
        2 => "AOF",
        3 => "SAVE+AOF",
        4 => "LOAD",
        _ => "",
    };
    format!("{keys:<11}{memory:<8} {clients:<8}{blocked:<8}{commands:<19} {connections:<12}{child}\n")
}

/// The number of keys in `db0:keys=3,expires=0,avg_ttl=0`.
fn keys_of_database(line: &str) -> Option<i64> {
    let (number, facts) = line.strip_prefix("db")?.split_once(":keys=")?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(())?;
    facts.split(',').next()?.parse().ok()
}

fn field(info: &str, name: &str) -> i64 {
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.trim_end().parse().ok()).unwrap_or(0)
}

fn bytes_to_human(bytes: i64) -> String {
    const UNIT: i64 = 1024;
    match bytes {
        ..UNIT => format!("{bytes}B"),
        _ if bytes < UNIT.pow(2) => format!("{:.2}K", bytes as f64 / UNIT as f64),
        _ if bytes < UNIT.pow(3) => format!("{:.2}M", bytes as f64 / UNIT.pow(2) as f64),
        _ => format!("{:.2}G", bytes as f64 / UNIT.pow(3) as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::figures;

    #[test]
    fn a_line_sums_up_what_info_says() {
        let info = |commands: u32| {
            format!(
                "# Memory\r\nused_memory:1572864\r\nused_memory_rss:9\r\nconnected_clients:2\r\nblocked_clients:1\r\n\
                 total_connections_received:7\r\ntotal_commands_processed:{commands}\r\ndb0:keys=3,expires=0\r\n\
                 db11:keys=4,expires=1\r\ndbx:keys=9\r\n"
            )
        };
        let mut requests = None;
        let first = figures(&info(40), &mut requests);
        assert_eq!(first, "7          1.50M    2       1       40 (+0)             7           \n");
        let second = figures(&info(45), &mut requests);
        assert_eq!(second, "7          1.50M    2       1       45 (+5)             7           \n");
    }
}
