//! A relay and an upstream that is played by the test.

use super::*;
use crate::config::Config;

/// What the client has heard since this was last asked.
fn heard(outbox: &mut Outbox) -> String {
    let mut all = Vec::new();
    while !outbox.is_empty() {
        let mut slices = [std::io::IoSlice::new(&[])];
        outbox.gather(&mut slices, usize::MAX);
        all.extend_from_slice(&slices[0]);
        let taken = slices[0].len();
        outbox.advance(taken);
    }
    String::from_utf8(all).expect("the tests say text")
}

/// What the upstream has been sent since this was last asked, each request as a line.
fn sent(relay: &mut Relay) -> Vec<String> {
    let output = String::from_utf8(relay.output().to_vec()).expect("the tests say text");
    relay.note_given(output.len());
    let requests = output.split('*').skip(1);
    let words = |request: &str| request.split("\r\n").skip(2).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    requests.map(|request| words(request).join(" ").trim_end().to_owned()).collect()
}

fn ask(relay: &mut Relay, request: &str, what: What) {
    relay.tell(Asker::Node, Proto::Resp3, "me", 2);
    let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
    relay.request(words.into_iter(), true, what);
}

/// A relay whose upstream knows who asks.
fn open(outbox: &mut Outbox) -> Relay {
    let mut relay = Relay::default();
    ask(&mut relay, "FIRST", What::Nothing);
    relay.greet(None);
    relay.hear(b"%1\r\n+server\r\n+redis\r\n:77\r\n+OK\r\n+FIRST\r\n", outbox).expect("it is understood");
    assert_eq!(heard(outbox), "+FIRST\r\n");
    sent(&mut relay);
    relay
}

#[test]
fn nothing_is_asked_for_before_the_upstream_knows_who_asks() {
    let (mut relay, mut outbox) = (Relay::default(), Outbox::default());
    assert_eq!(relay.wanted(), None);
    ask(&mut relay, "GET a", What::Nothing);
    assert_eq!((relay.wanted(), relay.output().len(), relay.is_settled()), (Some(1), 0, false));
    relay.greet(Some(("user", "secret")));
    assert_eq!(sent(&mut relay), ["HELLO 3 AUTH user secret SETNAME me", "CLIENT ID", "SELECT 2"]);
    ask(&mut relay, "GET b", What::Nothing);
    relay.hear(b"%1\r\n+server\r\n+redis\r\n:77\r\n", &mut outbox).expect("it is understood");
    assert_eq!((sent(&mut relay).len(), relay.id()), (0, 77));
    relay.hear(b"+OK\r\n", &mut outbox).expect("it is understood");
    assert_eq!(sent(&mut relay), ["GET a", "GET b"]);
    relay.hear(b"$1\r\n1\r\n$1\r\n2\r\n", &mut outbox).expect("it is understood");
    assert_eq!(heard(&mut outbox), "$1\r\n1\r\n$1\r\n2\r\n");
    assert!(relay.is_settled());
    let told = relay.hear(b"+OK\r\n", &mut outbox);
    assert!(told.is_err(), "nothing was asked for");
}

#[test]
fn answers_come_as_they_are_and_in_order_with_those_of_this_server_between_them() {
    let mut outbox = Outbox::default();
    let mut relay = open(&mut outbox);
    ask(&mut relay, "GET a", What::Nothing);
    let mut own = Answer::default();
    own.push(crate::resp::answer::Piece::Written(b"-NOPERM\r\n".to_vec()));
    relay.answer_later(own);
    ask(&mut relay, "GET b", What::Nothing);
    for byte in b">2\r\n+invalidate\r\n*0\r\n$2\r\nab\r\n" {
        relay.hear(&[*byte], &mut outbox).expect("it is understood");
    }
    assert_eq!(heard(&mut outbox), ">2\r\n+invalidate\r\n*0\r\n$2\r\nab\r\n-NOPERM\r\n");
    assert!(!relay.is_settled());
    relay.hear(b"_\r\n", &mut outbox).expect("it is understood");
    assert_eq!(heard(&mut outbox), "_\r\n");
    assert!(relay.is_settled());
}

#[test]
fn messages_wait_for_the_end_of_an_answer_of_which_a_part_has_come() {
    use crate::message::Frame;
    use std::rc::Rc;
    let mut outbox = Outbox::default();
    let mut relay = open(&mut outbox);
    ask(&mut relay, "GET a", What::Nothing);
    relay.hear(b"$4\r\nab", &mut outbox).expect("it is understood");
    outbox.push(Rc::new(Frame::whole(&b"MESSAGE"[..])));
    relay.hear(b"cd", &mut outbox).expect("it is understood");
    assert_eq!(heard(&mut outbox), "$4\r\nabcd");
    relay.hear(b"\r\n", &mut outbox).expect("it is understood");
    assert_eq!(heard(&mut outbox), "\r\nMESSAGE");
}

#[test]
fn what_the_client_is_called_and_speaks_is_told_again_when_it_changes_and_nobody_hears_of_that() {
    let mut outbox = Outbox::default();
    let mut relay = open(&mut outbox);
    relay.tell(Asker::Node, Proto::Resp2, "you", 2);
    assert_eq!(sent(&mut relay), ["HELLO 2", "CLIENT SETNAME you"]);
    relay.hear(b"*2\r\n+server\r\n+redis\r\n-ERR no\r\n", &mut outbox).expect("a name may be refused");
    assert_eq!(heard(&mut outbox), "");
    relay.tell(Asker::Node, Proto::Resp3, "you", 2);
    assert!(relay.hear(b"-ERR no\r\n", &mut outbox).is_err(), "answers would be those of another version");
}

#[test]
fn what_was_not_answered_is_answered_with_an_error_and_never_asked_again() {
    let mut outbox = Outbox::default();
    let mut relay = open(&mut outbox);
    ask(&mut relay, "INCR a", What::Nothing);
    ask(&mut relay, "INCR b", What::Nothing);
    relay.hear(b":1\r\n", &mut outbox).expect("it is understood");
    assert_eq!(relay.fail("gone", &mut outbox), Loss::Answered);
    let lost = String::from_utf8_lossy(ReplyError::UPSTREAM_LOST.text()).into_owned();
    assert_eq!(heard(&mut outbox), format!(":1\r\n-{lost}\r\n"));
    assert_eq!(relay.wanted(), None);
    ask(&mut relay, "GET a", What::Nothing);
    assert_eq!(relay.wanted(), Some(2));
    assert_eq!(relay.fail("refused", &mut outbox), Loss::Answered);
    assert_eq!(heard(&mut outbox), "-ERR the upstream that has the keys is not reached: refused\r\n");
}

#[test]
fn an_answer_that_ends_in_its_midst_is_torn_and_one_that_has_not_begun_is_not() {
    let mut outbox = Outbox::default();
    let mut relay = open(&mut outbox);
    ask(&mut relay, "GET a", What::Nothing);
    relay.hear(b"$4\r\nab", &mut outbox).expect("it is understood");
    assert_eq!(relay.fail("gone", &mut outbox), Loss::Torn);
}

#[test]
fn a_refusal_at_the_beginning_is_told_and_nothing_is_asked_for() {
    let (mut relay, mut outbox) = (Relay::default(), Outbox::default());
    ask(&mut relay, "GET a", What::Nothing);
    relay.greet(Some(("default", "wrong")));
    let why = relay.hear(b"-WRONGPASS no such user\r\n", &mut outbox).expect_err("it is refused");
    relay.fail(&why, &mut outbox);
    let expected = "-ERR the upstream that has the keys is not reached: it refuses: WRONGPASS no such user\r\n";
    assert_eq!(heard(&mut outbox), expected);
}

#[test]
fn what_is_selected_watched_and_tracked_is_known_from_the_answers() {
    let mut outbox = Outbox::default();
    let mut relay = open(&mut outbox);
    for (answer, db) in [("-ERR\r\n", 2), ("+OK\r\n", 5)] {
        ask(&mut relay, "SELECT 5", What::Select(5));
        relay.hear(answer.as_bytes(), &mut outbox).expect("it is understood");
        assert_eq!(relay.db(), db);
    }
    for (answer, db) in [("_\r\n", 5), ("-EXECABORT\r\n", 5), ("*1\r\n+OK\r\n", 7)] {
        ask(&mut relay, "EXEC", What::Exec(Some(7)));
        relay.hear(answer.as_bytes(), &mut outbox).expect("it is understood");
        assert_eq!(relay.db(), db);
    }
    let request = encoded([&b"CLIENT"[..], b"TRACKING", b"ON"].into_iter());
    ask(&mut relay, "CLIENT TRACKING ON", What::Tracking(Some(request)));
    relay.hear(b"+OK\r\n", &mut outbox).expect("it is understood");
    relay.set_watches(true);
    heard(&mut outbox);
    sent(&mut relay);
    relay.fail("gone", &mut outbox);
    assert_eq!(heard(&mut outbox), ">2\r\n$10\r\ninvalidate\r\n_\r\n", "its cache may be out of date");
    assert!(relay.watches() && relay.has_lost_watch());
    relay.tell(Asker::Node, Proto::Resp3, "me", 7);
    relay.greet(None);
    assert_eq!(sent(&mut relay), ["HELLO 3 SETNAME me", "CLIENT ID", "SELECT 7", "CLIENT TRACKING ON"]);
    relay.set_watches(false);
    assert!(!relay.watches() && !relay.has_lost_watch());
}

#[test]
fn p11_requests_that_wait_are_bounded_in_number_and_bytes() {
    let mut outbox = Outbox::default();
    let mut relay = open(&mut outbox);
    for _ in 0..MOST_DUE {
        assert!(relay.has_room());
        ask(&mut relay, "GET a", What::Nothing);
        let output = relay.output().len();
        relay.note_given(output);
    }
    assert!(!relay.has_room());
    relay.hear(b"_\r\n", &mut outbox).expect("it is understood");
    assert!(relay.has_room());
    relay.tell(Asker::Node, Proto::Resp3, "me", 2);
    relay.request([&b"SET"[..], b"a", &vec![b'x'; MUCH_OUTPUT]].into_iter(), true, What::Nothing);
    assert!(!relay.has_room() && relay.size_bytes() > MUCH_OUTPUT);
    let output = relay.output().len();
    relay.note_given(output);
    relay.hear(b"_\r\n", &mut outbox).expect("it is understood");
    assert!(relay.has_room() && relay.output.capacity() <= KEPT_OUTPUT);
}

/// A relay whose upstream is told by whom the client has said to be.
fn ask_as(relay: &mut Relay, user: &str, request: &str) {
    let config = Config::from_pairs(&[("backplane-keys", "forward"), ("backplane-forward-auth", "client")]);
    let config = config.expect("valid directives");
    let credentials = Credentials::to_show(config.settings(), user.as_bytes(), b"secret").expect("it is short");
    assert!(!format!("{credentials:?}").contains("secret"));
    relay.tell(Asker::Client(credentials), Proto::Resp3, "", 0);
    let words: Vec<&[u8]> = request.split(' ').map(str::as_bytes).collect();
    relay.request(words.into_iter(), true, What::Nothing);
}

#[test]
fn a_client_shows_its_own_credentials_and_another_user_is_agreed_on_before_anything_is_asked_for() {
    let (mut relay, mut outbox) = (Relay::default(), Outbox::default());
    ask_as(&mut relay, "ann", "GET a");
    relay.greet(Some(("node", "hidden")));
    assert_eq!(sent(&mut relay), ["HELLO 3 AUTH ann secret", "CLIENT ID"]);
    relay.hear(b"%0\r\n-NOPERM id\r\n$1\r\n1\r\n", &mut outbox).expect("it may be any user");
    assert_eq!((heard(&mut outbox).as_str(), relay.id()), ("$1\r\n1\r\n", 0));
    sent(&mut relay);
    ask_as(&mut relay, "bob", "GET a");
    ask_as(&mut relay, "bob", "GET b");
    assert_eq!(sent(&mut relay), ["AUTH bob secret"]);
    relay.hear(b"+OK\r\n", &mut outbox).expect("it is understood");
    assert_eq!(sent(&mut relay), ["GET a", "GET b"]);
    relay.hear(b"_\r\n_\r\n", &mut outbox).expect("it is understood");
    ask_as(&mut relay, "cid", "GET a");
    let why = relay.hear(b"-WRONGPASS no\r\n", &mut outbox).expect_err("it is refused");
    heard(&mut outbox);
    relay.fail(&why, &mut outbox);
    assert_eq!((heard(&mut outbox).as_str(), relay.wanted()), ("-WRONGPASS no\r\n", None));
}

#[test]
fn a_server_that_repeats_the_password_is_not_heard_by_the_client() {
    let (mut relay, mut outbox) = (Relay::default(), Outbox::default());
    ask_as(&mut relay, "ann", "GET a");
    relay.greet(None);
    let refusal = b"-ERR unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'ann' 'secret'\r\n";
    let why = relay.hear(refusal, &mut outbox).expect_err("it is refused");
    relay.fail(&why, &mut outbox);
    assert_eq!(heard(&mut outbox), "-ERR unknown command 'HELLO'\r\n");
}
