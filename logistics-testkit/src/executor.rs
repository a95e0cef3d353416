//! Runs futures without a runtime. For tests: nothing here is fair, fast or able to do I/O.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

/// Runs a future to its end on this thread, which sleeps while the future waits. For tests without a runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Lets every other future of the task go first, once.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits for this long on any runtime, or on none: a thread sleeps and then wakes the task.
pub async fn pause(duration: Duration) {
    let done = Arc::new(AtomicBool::new(false));
    let mut started = false;
    poll_fn(|context| {
        if done.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        if !std::mem::replace(&mut started, true) {
            let (done, waker) = (Arc::clone(&done), context.waker().clone());
            std::thread::spawn(move || {
                std::thread::sleep(duration);
                done.store(true, Ordering::Release);
                waker.wake();
            });
        }
        Poll::Pending
    })
    .await;
}

/// Polls a future once; `None` if it waits. It wakes no task.
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Which of two futures was first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First<A, B> {
    /// The left one.
    Left(A),
    /// The right one.
    Right(B),
}

/// Runs two futures until one of them ends, and drops the other. Where both end at once, the left one counts. Each is
/// polled only after its own wake, so a future that does not wake its task never ends.
pub async fn race<A: Future, B: Future>(left: A, right: B) -> First<A::Output, B::Output> {
    let (mut left, mut right) = (pin!(left), pin!(right));
    let (left_side, right_side) = (Side::new(), Side::new());
    poll_fn(|context| {
        if let Some(Poll::Ready(output)) = left_side.poll(left.as_mut(), context) {
            return Poll::Ready(First::Left(output));
        }
        match right_side.poll(right.as_mut(), context) {
            Some(Poll::Ready(output)) => Poll::Ready(First::Right(output)),
            _ => Poll::Pending,
        }
    })
    .await
}

/// Runs both futures to their ends. Each is polled only when it was woken itself.
pub async fn both<A: Future, B: Future>(left: A, right: B) -> (A::Output, B::Output) {
    let (mut left, mut right) = (pin!(left), pin!(right));
    let (left_side, right_side) = (Side::new(), Side::new());
    let (mut left_output, mut right_output) = (None, None);
    poll_fn(|context| {
        if left_output.is_none()
            && let Some(Poll::Ready(output)) = left_side.poll(left.as_mut(), context)
        {
            left_output = Some(output);
        }
        if right_output.is_none()
            && let Some(Poll::Ready(output)) = right_side.poll(right.as_mut(), context)
        {
            right_output = Some(output);
        }
        match (left_output.take(), right_output.take()) {
            (Some(left), Some(right)) => Poll::Ready((left, right)),
            (left, right) => {
                (left_output, right_output) = (left, right);
                Poll::Pending
            }
        }
    })
    .await
}

/// One of two futures of a task: whether it was woken, and the task.
struct Side {
    woken: AtomicBool,
    task: Mutex<Waker>,
}

impl Side {
    fn new() -> Arc<Self> {
        Arc::new(Self { woken: AtomicBool::new(true), task: Mutex::new(Waker::noop().clone()) })
    }

    /// Polls the future if it was woken since its last poll.
    fn poll<F: Future>(
        self: &Arc<Self>,
        future: Pin<&mut F>,
        context: &Context<'_>,
    ) -> Option<Poll<F::Output>> {
        // Before the look at the flag: a wake in between then reaches the task that is polled now.
        self.task.lock().unwrap_or_else(PoisonError::into_inner).clone_from(context.waker());
        if !self.woken.swap(false, Ordering::AcqRel) {
            return None;
        }
        Some(future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(self)))))
    }
}

impl Wake for Side {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).clone();
        task.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    // The waker has to come from another thread: that is what is tested.
    #[allow(clippy::disallowed_methods)]
    fn a_blocked_thread_is_woken_from_another_one() {
        let (sender, receiver) = std::sync::mpsc::channel::<Waker>();
        let waking = std::thread::spawn(move || receiver.recv().expect("the future waits").wake());
        let mut asked = false;
        block_on(poll_fn(|context| {
            if std::mem::replace(&mut asked, true) {
                return Poll::Ready(());
            }
            sender.send(context.waker().clone()).expect("the other thread waits");
            Poll::Pending
        }));
        waking.join().expect("the other thread only wakes");
    }

    #[test]
    fn of_two_futures_the_one_that_ends_wins_and_both_waits_for_the_slower() {
        block_on(async {
            assert_eq!(race(std::future::pending::<()>(), async { 7 }).await, First::Right(7));
            let slow = async {
                yield_now().await;
                1
            };
            assert_eq!(both(slow, async { 2 }).await, (1, 2));
        });
        assert_eq!(poll_once(pin!(yield_now())), None);
    }

    #[test]
    fn a_future_that_wakes_no_task_is_not_polled_again_for_its_neighbour() {
        let mut polls = 0;
        let forgetful = poll_fn(|_| {
            polls += 1;
            if polls == 1 { Poll::Pending } else { Poll::Ready(()) }
        });
        let neighbour = async {
            for _ in 0..5 {
                yield_now().await;
            }
        };
        assert_eq!(block_on(race(forgetful, neighbour)), First::Right(()));
    }
}
