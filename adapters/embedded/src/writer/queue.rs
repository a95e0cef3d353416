//! The way to the writer: bounded by bytes, in the order of arrival.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::error::EmbeddedError;
use crate::limits::QUEUE_BYTES_MAX;
use crate::writer::request::{Reply, Request};

/// The callers' end. The writer ends when the last one is gone.
#[derive(Debug)]
pub(crate) struct Queue {
    /// The data file, for sentences.
    place: Arc<str>,
    sender: Sender<Queued>,
    room: Arc<Semaphore>,
}

/// A request in the queue; its room is free again once the writer has taken it up and is done with it.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) request: Request,
    pub(crate) bytes: usize,
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl Queue {
    pub(crate) fn new(place: Arc<str>) -> (Self, Receiver<Queued>) {
        let (sender, receiver) = channel();
        (Self { place, sender, room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX)) }, receiver)
    }

    /// Waits for room, hands the request over and waits for its answer. Cancelled while it waits for the answer, the request
    /// is carried out all the same.
    pub(crate) async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, EmbeddedError> {
        let (reply, answer) = oneshot::channel();
        let request = request(reply);
        let bytes = request.bytes();
        let share = u32::try_from(bytes.min(QUEUE_BYTES_MAX)).unwrap_or(u32::MAX);
        let room = self.room.clone().acquire_many_owned(share).await.map_err(|_| EmbeddedError::Closed)?;
        let queued = Queued { request, bytes, room: Some(room) };
        self.sender.send(queued).map_err(|_| EmbeddedError::Closed)?;
        answer.await.unwrap_or_else(|_| Err(self.unanswered()))
    }

    /// The writer let go of a request: it has ended, or the request's cycle failed while it was being carried out.
    fn unanswered(&self) -> EmbeddedError {
        match self.room.is_closed() {
            true => EmbeddedError::Closed,
            false => {
                let reason = "a write was given up halfway".to_owned();
                EmbeddedError::Unavailable { place: self.place.clone(), reason }
            }
        }
    }

    /// Asks the writer to end, behind everything that is queued. Does not wait.
    pub(crate) fn close(&self) -> oneshot::Receiver<Result<(), EmbeddedError>> {
        self.room.close();
        let (reply, answer) = oneshot::channel();
        let _ = self.sender.send(Queued { request: Request::Close(reply), bytes: 0, room: None });
        answer
    }
}
