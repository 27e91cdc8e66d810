//! MULTI, EXEC, DISCARD.

use pregon::command::table;
use pregon::resp::Proto;

use crate::harness::{World, everywhere, everywhere_with, pipeline, request, server};
use crate::value::Value;

#[test]
fn a_refused_command_spoils_the_transaction() {
    everywhere(|world| {
        let (mut peer, mut subscriber) = (world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        for refused in ["NOSUCH x", "PUBLISH a", "PUBSUB NOSUCH"] {
            peer.send(&pipeline(&["MULTI", "PUBLISH a lost", refused, "EXEC", "EXEC"]));
            peer.hears(["+OK", "+QUEUED"]);
            assert!(matches!(peer.next_frame(), Value::Error(_)));
            peer.hears(["-EXECABORT Transaction discarded because of previous errors.", "-ERR EXEC without MULTI"]);
        }
        subscriber.hears_nothing();
    });
}

#[test]
fn an_error_within_exec_stops_nothing() {
    everywhere(|world| {
        let (mut peer, mut subscriber) = (world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        peer.send(&pipeline(&["MULTI", "SELECT 99", "PUBLISH a 1", "EXEC"]));
        peer.hears(["+OK", "+QUEUED", "+QUEUED", "[-ERR DB index is out of range :1]"]);
        subscriber.hears_push(["message a 1"]);
    });
}

#[test]
fn transactions_do_not_nest_and_end_only_where_they_began() {
    everywhere(|world| {
        let mut peer = world.peer();
        peer.send(&pipeline(&["EXEC", "DISCARD", "MULTI", "MULTI", "PING", "EXEC"]));
        peer.hears(["-ERR EXEC without MULTI", "-ERR DISCARD without MULTI", "+OK"]);
        peer.hears(["-ERR MULTI calls can not be nested", "+QUEUED", "[+PONG]"]);
        peer.send(&pipeline(&["MULTI", "PING", "DISCARD", "MULTI", "EXEC"]));
        peer.hears(["+OK", "+QUEUED", "+OK", "+OK", "[]"]);
    });
}

#[test]
fn the_array_of_a_transaction_announces_its_commands_not_their_frames() {
    everywhere(|world| {
        let mut peer = world.peer();
        peer.send(&pipeline(&["MULTI", "SUBSCRIBE a b", "UNSUBSCRIBE", "EXEC"]));
        let frames = peer.take_frames();
        assert_eq!(frames.len(), 6, "+OK, +QUEUED twice, the array of two, and two frames more: {frames:?}");
        assert_eq!(frames[3].items().len(), 2);
    });
}

#[test]
fn other_clients_see_nothing_of_a_transaction_before_exec() {
    everywhere(|world| {
        let (mut peer, mut asker) = (world.peer(), world.peer());
        peer.send(&pipeline(&["MULTI", "SUBSCRIBE a"]));
        asker.say("PUBLISH a lost");
        peer.say("EXEC");
        asker.say("PUBLISH a heard");
        asker.hears([":0", ":1"]);
    });
}

#[test]
fn a_client_that_goes_within_a_transaction_has_done_nothing() {
    everywhere(|world| {
        let (mut peer, mut subscriber) = (world.peer(), world.peer());
        subscriber.joins("SUBSCRIBE a");
        peer.send(&pipeline(&["MULTI", "PUBLISH a x"]));
        peer.hangs_up();
        subscriber.hears_nothing();
    });
}

#[test]
fn what_multi_queues_counts_against_the_query_buffer_limit() {
    everywhere_with(&[("client-query-buffer-limit", "1mb")], |world| {
        let mut peer = world.peer();
        peer.say("MULTI");
        for _ in 0..10 {
            peer.send(&request(["PUBLISH", "a", &"x".repeat(100_000)]));
        }
        assert_eq!(peer.closing(), None);
        peer.send(&request(["PUBLISH", "a", &"x".repeat(100_000)]));
        assert_eq!(peer.closing(), Some(pregon::client::Closing::QueryBuffer));
    });
}

/// The runs of equal marks in what a subscriber hears.
fn runs(frames: &[Value]) -> Vec<(String, usize)> {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for frame in frames {
        let mark = frame.items()[2].to_string();
        match runs.last_mut() {
            Some((last, count)) if *last == mark => *count += 1,
            _ => runs.push((mark, 1)),
        }
    }
    runs
}

#[test]
fn nobody_elses_publish_lands_within_an_exec() {
    const PUBLISHERS: usize = 3;
    const ROUNDS: usize = 60;
    let server = server(PUBLISHERS + 1, &[]);
    let (done, work) = (std::sync::Barrier::new(PUBLISHERS + 1), std::sync::Barrier::new(PUBLISHERS + 1));
    std::thread::scope(|scope| {
        for worker in 0..PUBLISHERS {
            let (server, done, work) = (server.clone(), &done, &work);
            scope.spawn(move || {
                let world = World::of_one_worker(server, worker);
                let mut peer = world.stranger(0);
                work.wait();
                for round in 0..ROUNDS {
                    let publish = format!("PUBLISH a {worker}.{round}");
                    let mut commands = vec!["MULTI"];
                    commands.extend([publish.as_str(); 8]);
                    commands.push("EXEC");
                    peer.send_only(&pipeline(&commands));
                }
                done.wait();
            });
        }
        let world = World::of_one_worker(server.clone(), PUBLISHERS);
        let mut subscriber = world.stranger(0);
        subscriber.joins("SUBSCRIBE a");
        work.wait();
        done.wait();
        subscriber.worker.deliver_all();
        let runs = runs(&subscriber.take_frames());
        assert_eq!(runs.len(), PUBLISHERS * ROUNDS);
        assert!(runs.iter().all(|(_, count)| *count == 8), "{runs:?}");
    });
}

/// Every command and subcommand with as many arguments as it needs at least, save SHUTDOWN.
fn all_commands(world: &World) -> Vec<Vec<u8>> {
    let usable = table::entries(&world.server.names).filter(|entry| entry.command.run.is_some());
    let harmless = usable.filter(|entry| entry.full_name != "shutdown");
    let command = |entry: &table::Entry| {
        let words = entry.full_name.split('|').map(str::to_owned);
        let missing = (entry.command.arity.unsigned_abs() as usize).saturating_sub(words.clone().count());
        request(words.chain(std::iter::repeat_n("0".to_owned(), missing)))
    };
    harmless.map(command).collect()
}

#[test]
fn every_command_that_a_transaction_takes_can_run_within_exec() {
    // EXEC holds the hub's lock: a command that took it again would never come back.
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for proto in Proto::ALL {
            let world = World::new(2, proto, &[("enable-debug-command", "yes")]);
            let mut other = world.peer();
            other.joins("SUBSCRIBE 0");
            for command in all_commands(&world) {
                let mut peer = world.peer();
                peer.send(&[request(["MULTI"]), command, request(["EXEC"])].concat());
                peer.hangs_up();
            }
            assert_eq!(world.peer().ask("PUBLISH 0 x").to_string(), ":1");
        }
        sender.send(()).expect("the test waits for it");
    });
    let finished = receiver.recv_timeout(std::time::Duration::from_secs(60));
    finished.expect("a command within EXEC hangs or fails");
}
