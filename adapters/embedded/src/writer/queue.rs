//! The queue of requests for the writer: first in, first out, bounded by bytes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::EmbeddedError;
use crate::limits::QUEUE_BYTES_MAX;
use crate::writer::request::{Reply, Request};

/// The callers' end.
#[derive(Debug)]
pub(crate) struct Queue {
    /// The data file, for messages.
    place: Arc<str>,
    sender: Sender<Queued>,
    /// One permit per byte.
    permits: Arc<Semaphore>,
}

/// A request in the queue.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) request: Request,
    pub(crate) bytes: usize,
    /// Held until the request's cycle ends.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

impl Queue {
    pub(crate) fn new(place: Arc<str>) -> (Self, Receiver<Queued>) {
        let (sender, receiver) = channel();
        (Self { place, sender, permits: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)) }, receiver)
    }

    /// Waits for space in the queue, sends the request, and waits for the answer. If the caller cancels while it waits for the
    /// answer, the writer still applies the request.
    pub(crate) async fn call<T>(
        &self,
        request: impl FnOnce(Reply<T>) -> Request,
    ) -> Result<T, EmbeddedError> {
        let (reply, answer) = oneshot::channel();
        let request = request(reply);
        let bytes = request.bytes();
        let count = u32::try_from(bytes.min(QUEUE_BYTES_MAX)).unwrap_or(u32::MAX);
        let permit = self.permits.clone().acquire_many_owned(count).await;
        let permit = permit.map_err(|_| EmbeddedError::Closed)?;
        let queued = Queued { request, bytes, permit: Some(permit) };
        self.sender.send(queued).map_err(|_| EmbeddedError::Closed)?;
        answer.await.unwrap_or_else(|_| Err(self.unanswered()))
    }

    /// The writer dropped a request: the writer has ended, or the request's cycle failed.
    fn unanswered(&self) -> EmbeddedError {
        match self.permits.is_closed() {
            true => EmbeddedError::Closed,
            false => {
                let reason = "the write failed, and its outcome is unknown".to_owned();
                EmbeddedError::Unavailable { place: self.place.clone(), reason }
            }
        }
    }

    /// Queues the request to close behind all others. Does not wait.
    pub(crate) fn close(&self) -> oneshot::Receiver<Result<(), EmbeddedError>> {
        self.permits.close();
        let (reply, answer) = oneshot::channel();
        let _ = self.sender.send(Queued { request: Request::Close(reply), bytes: 0, permit: None });
        answer
    }
}
