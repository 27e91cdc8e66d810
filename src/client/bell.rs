//! How one task of a thread is woken by others of the same thread.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// Rung by anybody on a thread for the one task there that listens. To ring it several times before that task hears it is to ring
/// it once. The same as a `Notify` of tokio costs without what that needs between threads.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Cell<bool>,
    listener: RefCell<Option<Waker>>,
}

impl Bell {
    pub(crate) fn ring(&self) {
        if !self.rung.replace(true)
            && let Some(listener) = &*self.listener.borrow()
        {
            listener.wake_by_ref();
        }
    }

    /// Waits until it is rung, or has been since that was last heard. Cancel safe.
    pub(crate) async fn rung(&self) {
        poll_fn(|context| self.poll_rung(context)).await;
    }

    fn poll_rung(&self, context: &Context<'_>) -> Poll<()> {
        if self.rung.take() {
            return Poll::Ready(());
        }
        let mut listener = self.listener.borrow_mut();
        if !listener.as_ref().is_some_and(|listener| listener.will_wake(context.waker())) {
            *listener = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use std::task::Wake;

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    #[test]
    fn who_listens_is_woken_once_for_all_that_is_rung_until_it_hears_it() {
        let (bell, woken) = (Bell::default(), Arc::new(Woken::default()));
        let waker = woken.clone().into();
        let mut context = Context::from_waker(&waker);
        let mut hears = || pin!(bell.rung()).poll(&mut context).is_ready();
        bell.ring();
        assert_eq!([hears(), hears(), hears()], [true, false, false]);
        assert_eq!(woken.0.load(Relaxed), 0, "it was not waiting");
        (0..3).for_each(|_| bell.ring());
        assert_eq!(woken.0.load(Relaxed), 1);
        assert_eq!([hears(), hears()], [true, false]);
        bell.ring();
        assert_eq!(woken.0.load(Relaxed), 2);
    }

    #[test]
    fn it_is_whoever_has_listened_last_that_is_woken() {
        let bell = Bell::default();
        let all = [(); 2].map(|()| Arc::new(Woken::default()));
        for woken in &all {
            let waker = woken.clone().into();
            assert!(pin!(bell.rung()).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        bell.ring();
        assert_eq!(all.map(|woken| woken.0.load(Relaxed)), [0, 1]);
    }
}
