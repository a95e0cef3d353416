//! The requests of an HTTP/2 connection: how many there are, and whether their replies make progress.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};

/// Why a connection should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It has had no request for the idle timeout.
    Idle,
    /// Its client takes nothing of a reply: it opens no window. The socket itself may make progress.
    Stalled,
}

/// The requests of one connection.
pub(crate) struct Streams {
    /// Limits the requests of all HTTP/2 connections, because each of them holds a head.
    permits: Arc<Semaphore>,
    state: Mutex<State>,
}

struct State {
    next: u64,
    /// The running requests. A value is the time of the last progress of the reply; `None` before the reply, and while a live
    /// stream has nothing to send.
    open: HashMap<u64, Option<Instant>>,
    idle_since: Instant,
}

impl Streams {
    pub(crate) fn new(permits: Arc<Semaphore>) -> Arc<Self> {
        let state = State { next: 0, open: HashMap::new(), idle_since: Instant::now() };
        Arc::new(Self { permits, state: Mutex::new(state) })
    }

    /// A request begins. It ends with the drop of the result. `None`: the connections have too many requests.
    pub(crate) fn open(self: &Arc<Self>) -> Option<Stream> {
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.open.insert(id, None);
        Some(Stream { id, streams: self.clone(), _permit: permit })
    }

    /// Completes when the connection should end.
    pub(crate) async fn ended(&self, idle_timeout: Duration, write_timeout: Duration) -> Ended {
        loop {
            let now = Instant::now();
            let (deadline, ended) = self.deadline(idle_timeout, write_timeout);
            match deadline {
                Some(deadline) if deadline <= now => return ended,
                // What begins later ends later than this.
                _ => {
                    let next = now + write_timeout.min(idle_timeout);
                    sleep_until(deadline.map_or(next, |deadline| deadline.min(next))).await;
                }
            }
        }
    }

    fn deadline(&self, idle_timeout: Duration, write_timeout: Duration) -> (Option<Instant>, Ended) {
        let state = self.state();
        if state.open.is_empty() {
            return (Some(state.idle_since + idle_timeout), Ended::Idle);
        }
        let oldest = state.open.values().flatten().min();
        (oldest.map(|progress| *progress + write_timeout), Ended::Stalled)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is consistent between any two of its changes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running request.
pub(crate) struct Stream {
    id: u64,
    streams: Arc<Streams>,
    _permit: OwnedSemaphorePermit,
}

impl Stream {
    /// The reply began, or some of it was written.
    pub(crate) fn progress(&self) {
        self.streams.state().open.insert(self.id, Some(Instant::now()));
    }

    /// The reply has nothing to send now, and the client has room for more.
    pub(crate) fn waits(&self) {
        self.streams.state().open.insert(self.id, None);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.streams.state();
        state.open.remove(&self.id);
        if state.open.is_empty() {
            state.idle_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(75);
    const WRITE: Duration = Duration::from_secs(30);

    fn streams(requests_max: usize) -> Arc<Streams> {
        Streams::new(Arc::new(Semaphore::new(requests_max)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_request_ends_at_the_idle_timeout() {
        let (streams, start) = (streams(1), Instant::now());
        let stream = streams.open().expect("a permit");
        tokio::time::sleep(IDLE * 2).await;
        drop(stream);
        assert_eq!(streams.ended(IDLE, WRITE).await, Ended::Idle);
        assert_eq!(start.elapsed().as_secs(), IDLE.as_secs() * 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_with_a_reply_that_makes_no_progress_ends_at_the_write_timeout() {
        let (streams, start) = (streams(2), Instant::now());
        let running = streams.open().expect("a permit");
        let stalled = streams.open().expect("a permit");
        let progress = async {
            for _ in 0..10 {
                tokio::time::sleep(WRITE / 2).await;
                stalled.progress();
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = streams.ended(IDLE, WRITE) => assert_eq!(ended, Ended::Stalled),
            () = progress => {}
        }
        assert_eq!(start.elapsed().as_secs(), WRITE.as_secs() * 6);
        drop(running);
    }

    #[tokio::test(start_paused = true)]
    async fn a_live_stream_that_has_nothing_to_send_is_not_stalled() {
        let (streams, start) = (streams(1), Instant::now());
        let stream = streams.open().expect("a permit");
        stream.progress();
        stream.waits();
        let later = async {
            tokio::time::sleep(WRITE * 10).await;
            stream.progress();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = streams.ended(IDLE, WRITE) => assert_eq!(ended, Ended::Stalled),
            () = later => {}
        }
        assert!(start.elapsed() >= WRITE * 11, "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn requests_beyond_the_limit_of_all_connections_are_rejected() {
        let one = streams(1);
        let other = Streams::new(one.permits.clone());
        let stream = one.open();
        assert!(stream.is_some() && other.open().is_none());
        drop(stream);
        assert!(other.open().is_some());
    }
}
