//! Streams of events for those who watch the page. Each second what is known is taken once, whoever watches, and everybody is
//! sent the same bytes.
//!
//! A watcher has few things waiting for it; who does not take them misses some, and is cut when it takes nothing for long. So
//! nobody keeps a place for ever that others could have: a stream ends after some minutes, and browsers come back by themselves.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// Watchers at a time: few enough of the connections that others always find one.
const MOST: usize = 16;
/// Events that wait for a watcher at most.
const WAITING: usize = 2;
/// How long a watcher may take nothing.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a stream lasts.
const LONGEST: Duration = Duration::from_secs(10 * 60);
/// What a stream begins with: how long browsers wait before they come back, in milliseconds.
const GREETING: &str = "retry: 2000\n\n";

/// Until when a connection may live.
#[derive(Clone, Debug)]
pub(super) struct Lease(Rc<Term>);

#[derive(Debug)]
struct Term {
    until: Cell<Instant>,
    /// Rung when that may have become sooner.
    bell: Notify,
}

impl Lease {
    /// For so long from now on.
    pub(super) fn of(lifetime: Duration) -> Self {
        Lease(Rc::new(Term { until: Cell::new(Instant::now() + lifetime), bell: Notify::new() }))
    }

    /// Waits until it has ended, however often it is renewed. Cancel safe.
    pub(super) async fn ended(&self) {
        while Instant::now() < self.0.until.get() {
            tokio::select! {
                () = sleep_until(self.0.until.get()) => {}
                () = self.0.bell.notified() => {}
            }
        }
    }

    fn renew(&self, patience: Duration) {
        self.0.until.set(Instant::now() + patience);
    }
}

/// An event with JSON, as it is sent.
pub(super) fn event(name: &str, data: &str) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// Everybody who watches.
#[derive(Debug)]
pub(super) struct Watchers {
    places: Arc<Semaphore>,
    streams: RefCell<Vec<Sender<Bytes>>>,
    /// How long each may take nothing.
    pub(super) patience: Duration,
}

impl Default for Watchers {
    fn default() -> Self {
        Watchers { places: Arc::new(Semaphore::new(MOST)), streams: RefCell::default(), patience: PATIENCE }
    }
}

impl Watchers {
    /// Whether anybody watches.
    pub(super) fn is_anybody(&self) -> bool {
        let mut streams = self.streams.borrow_mut();
        streams.retain(|stream| !stream.is_closed());
        !streams.is_empty()
    }

    /// A stream that begins with this; none if too many watch already. Its connection lives as long as it takes what comes.
    pub(super) fn welcome(&self, beginning: &str, lease: &Lease) -> Option<Events> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let (stream, events) = mpsc::channel(WAITING);
        // It has room for that.
        let _ = stream.try_send(Bytes::from(GREETING.to_owned() + beginning));
        self.streams.borrow_mut().push(stream);
        lease.renew(self.patience);
        lease.0.bell.notify_one();
        let (lease, until) = (lease.clone(), Instant::now() + LONGEST);
        Some(Events { events, lease, patience: self.patience, until, _place: place })
    }

    /// Sends everybody an event. Who has taken nothing of the last ones misses it.
    pub(super) fn send(&self, event: &Bytes) {
        self.streams.borrow().iter().for_each(|stream| drop(stream.try_send(event.clone())));
    }
}

/// The body of a response that goes on.
#[derive(Debug)]
pub(super) struct Events {
    events: Receiver<Bytes>,
    lease: Lease,
    patience: Duration,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let event = ready!(self.events.poll_recv(context)).filter(|_| Instant::now() < self.until);
        self.lease.renew(self.patience);
        Poll::Ready(event.map(|event| Ok(Frame::data(event))))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::process::io_thread::runtime;

    fn lease() -> Lease {
        Lease::of(Duration::ZERO)
    }

    #[test]
    fn p11_only_so_many_watch_at_a_time() {
        let watchers = Watchers::default();
        let mut all: Vec<Events> = (0..MOST).filter_map(|_| watchers.welcome("", &lease())).collect();
        assert_eq!(all.len(), MOST);
        assert!(watchers.welcome("", &lease()).is_none());
        all.pop();
        assert!(watchers.welcome("", &lease()).is_some());
        drop(all);
        assert!(!watchers.is_anybody());
    }

    #[test]
    fn p11_who_takes_nothing_has_few_events_waiting_and_its_connection_is_not_renewed() {
        let (watchers, lease) = (Watchers::default(), lease());
        let mut stream = watchers.welcome("first", &lease).expect("there is a place");
        let begun = lease.0.until.get();
        (0..100).for_each(|number| watchers.send(&Bytes::from(number.to_string())));
        assert_eq!(lease.0.until.get(), begun);
        runtime().expect("the system has descriptors").block_on(async {
            for expected in ["retry: 2000\n\nfirst", "0"] {
                let frame = stream.frame().await.expect("it goes on").expect("it cannot fail");
                assert_eq!(frame.into_data().expect("data"), expected);
            }
            assert!(lease.0.until.get() >= begun);
            watchers.send(&Bytes::from("last"));
            assert!(watchers.is_anybody());
            stream.until = Instant::now();
            assert!(stream.frame().await.is_none(), "its time is over");
        });
    }
}
