//! Signs of life: what a subscriber is sent when there has been nothing for it for long, so that what stands between it and the
//! server (and the client itself) does not take the connection for dead.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Worker;
use crate::client::Client;
use crate::message::Frame;
use crate::resp::Proto;

/// A push of its own type, in which clients that look at the places of a channel and a message find none.
const SIGN: &[u8] = b">3\r\n$5\r\nalive\r\n_\r\n:0\r\n";

impl Worker {
    /// Sends `client` a sign of life if nothing has been sent to it for `limit`, as far as that is known to the second. In
    /// RESP2 nothing can be sent that could not be mistaken for a message.
    pub(crate) fn show_life(&self, client: &Rc<Client>, limit: Duration, now_ms: u64) {
        if !client.is_subscriber() || client.proto() == Proto::Resp2 || client.is_congested() {
            return;
        }
        let sent_bytes = client.info.total_out.load(Relaxed);
        let (known_bytes, since_ms) = client.quiet.get();
        if sent_bytes != known_bytes {
            return client.quiet.set((sent_bytes, now_ms));
        }
        if u128::from(now_ms.saturating_sub(since_ms)) >= limit.as_millis() {
            self.push(client, &Rc::new(Frame::whole(SIGN)));
            self.stats().counters.signs_of_life.add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::order::HubAccess;
    use crate::client::sink::Sink;
    use crate::clock::Clock;
    use crate::command::new_server;
    use crate::config::Config;
    use crate::ids::{Address, Topic};
    use crate::net::transport::Detached;
    use crate::process::upkeep;

    /// What a subscriber receives in ten seconds in which it is sent this in the sixth.
    fn received(proto: Proto, sent: &[u8]) -> Vec<u8> {
        let config = Config::from_pairs(&[("io-threads", "1"), ("subscriber-sign-of-life", "3")]);
        let server = new_server(config.expect("valid directives"), Clock::simulated()).expect("nothing is renamed");
        let runtime = crate::process::io_thread::runtime().expect("the system has descriptors");
        let (mut peer, socket) = std::os::unix::net::UnixStream::pair().expect("the system has sockets");
        socket.set_nonblocking(true).expect("sockets can be so");
        runtime.block_on(async {
            let transport = Detached::unix(socket.into()).attach().expect("the runtime has a reactor");
            transport.ready(tokio::io::Interest::WRITABLE).await.expect("a new socket has room");
            let sink: Rc<dyn Sink> = Rc::new(transport);
            let worker = Worker::new(server.clone(), 0);
            let info = server.clients.admit(0, Address::Unix("/x".into()), -1, worker.now());
            let client = worker.welcome(info, Some(sink));
            client.set_proto(proto);
            worker.join(&client, Topic::Channel, &[b"a"], &mut HubAccess::new(&server.hub), |_| ());
            for second in 1..=10 {
                server.clock.advance(Duration::from_secs(1));
                if second == 6 {
                    worker.push(&client, &Rc::new(Frame::whole(sent.to_vec())));
                }
                upkeep::each_second(&worker, std::slice::from_ref(&client));
                worker.flush(&client);
            }
            client.let_go_of_sink();
        });
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut peer, &mut all).expect("the other end is closed");
        all
    }

    #[test]
    fn a_quiet_subscriber_is_sent_a_sign_of_life_again_and_again_and_a_busy_one_none() {
        assert_eq!(received(Proto::Resp3, b"busy"), [SIGN, b"busy", SIGN].concat());
        assert_eq!(received(Proto::Resp2, b"busy"), b"busy");
    }
}
