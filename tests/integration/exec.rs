//! EXEC against commands of other io-threads.

use std::thread;

use crate::support::{Peer, TestServer};

const ROUNDS: usize = 300;

#[test]
fn no_change_of_another_client_lands_within_a_transaction() {
    // Consecutive connections are served by different io-threads.
    let server = TestServer::start(&["--io-threads", "2"]);
    let mut reader = Peer::connect(&server.addr());
    let mut writer = Peer::connect(&server.addr());
    let writing = thread::spawn(move || {
        for round in 0..ROUNDS * 4 {
            let value = (1000 + round).to_string();
            assert_eq!(writer.call(&["CONFIG", "SET", "slowlog-max-len", &value]), b"+OK\r\n");
        }
    });
    let get = "CONFIG GET slowlog-max-len\r\n";
    for _ in 0..ROUNDS {
        reader.send(format!("MULTI\r\n{get}{get}{get}{get}EXEC\r\n"));
        reader.expect("+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n");
        let answers: Vec<Vec<u8>> = (0..4).map(|_| reader.read_frame()).collect();
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    }
    writing.join().expect("the writer was answered OK each time");
}
