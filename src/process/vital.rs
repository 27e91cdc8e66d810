//! Tasks without which the process is of no use.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use crate::observe::log;

/// The exit code when the server cannot go on, as of a Rust program that panics.
const FAILED: i32 = 101;

/// Ends the process if `task` panics: without it clients would hear nothing more, or nobody new would be let in, and nobody
/// would notice. What supervises the process starts it again.
pub(super) async fn vital<T>(task: impl Future<Output = T>) -> T {
    match caught(task).await {
        Some(result) => result,
        None => {
            tracing::error!("a task that the server needs has failed; ending");
            log::finish();
            std::process::exit(FAILED);
        }
    }
}

/// Runs a task to its end; none if that is a panic. Cancel safe if the task is.
async fn caught<T>(task: impl Future<Output = T>) -> Option<T> {
    let mut task = pin!(task);
    // It is not polled again after a panic, so nobody sees what that has left half done.
    let poll =
        |context: &mut std::task::Context<'_>| match catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context))) {
            Ok(Poll::Ready(result)) => Poll::Ready(Some(result)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(_) => Poll::Ready(None),
        };
    std::future::poll_fn(poll).await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::caught;

    #[test]
    fn a_panic_of_a_task_is_noticed_when_it_comes() {
        let mut polls = 0;
        let task = std::future::poll_fn(|_| {
            polls += 1;
            if polls == 2 { panic!("the second time") } else { Poll::<()>::Pending }
        });
        let mut task = pin!(caught(task));
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(task.as_mut().poll(&mut context), Poll::Pending);
        assert_eq!(task.as_mut().poll(&mut context), Poll::Ready(None));
    }

    #[test]
    fn what_a_task_ends_with_is_passed_on() {
        let mut task = pin!(caught(std::future::ready(7)));
        assert_eq!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Some(7)));
    }
}
