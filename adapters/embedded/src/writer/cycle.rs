//! The requests of one cycle, and their answers.

use logistics_core::port::{ClearOutcome, CommitOutcome, StoreWrite, Token, WriteOutcome};
use logistics_core::{Offset, Partition};

use crate::error::EmbeddedError;
use crate::writer::request::{Acknowledge, Append, Begin, Commit, Epoch, Reply, Request};

#[derive(Default)]
pub(super) struct Cycle {
    /// Applied first: without an answer, no caller depends on their order.
    pub(super) appends: Vec<(Append, Reply<Offset>)>,
    /// Applied in the order of their arrival.
    pub(super) ordered: Vec<Ordered>,
    /// Independent of the log.
    pub(super) writes: Vec<(Box<StoreWrite>, Reply<WriteOutcome>)>,
    /// Applied after the writes: no caller knows the token of an unanswered write.
    pub(super) clears: Vec<(Partition, Token, Reply<ClearOutcome>)>,
    /// The answers to applied requests, sent after the commit.
    answers: Vec<Answer>,
}

pub(super) enum Ordered {
    Acquire(Partition, Reply<Epoch>),
    Commit(Commit, Reply<CommitOutcome>),
    Begin(Begin, Reply<bool>),
    Acknowledge(Acknowledge, Reply<()>),
}

/// Sends an answer, or the error of the commit.
type Answer = Box<dyn FnOnce(Result<(), EmbeddedError>) + Send>;

impl Cycle {
    pub(super) fn push(&mut self, request: Request) {
        match request {
            Request::Append(append, reply) => self.appends.push((append, reply)),
            Request::Acquire(partition, reply) => self.ordered.push(Ordered::Acquire(partition, reply)),
            Request::Commit(commit, reply) => self.ordered.push(Ordered::Commit(commit, reply)),
            Request::Begin(begin, reply) => self.ordered.push(Ordered::Begin(begin, reply)),
            Request::Acknowledge(acknowledge, reply) => {
                self.ordered.push(Ordered::Acknowledge(acknowledge, reply));
            }
            Request::Write(write, reply) => self.writes.push((write, reply)),
            Request::Clear(partition, token, reply) => self.clears.push((partition, token, reply)),
            Request::Close(reply) => self.answer(reply, ()),
        }
    }

    /// Keeps the answer to an applied request until the commit.
    pub(super) fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, value: T) {
        self.answers.push(Box::new(move |result| {
            // The caller may have been cancelled.
            let _ = reply.send(result.map(|()| value));
        }));
    }

    /// Removes one write and answers it with an error.
    pub(super) fn fail_write(&mut self, index: usize, error: EmbeddedError) {
        let (_, reply) = self.writes.remove(index);
        let _ = reply.send(Err(error));
    }

    /// Removes one step of clearing and answers it with an error.
    pub(super) fn fail_clear(&mut self, index: usize, error: EmbeddedError) {
        let (_, _, reply) = self.clears.remove(index);
        let _ = reply.send(Err(error));
    }

    /// Answers all requests after the commit.
    pub(super) fn complete(self, written: Vec<WriteOutcome>, steps: Vec<ClearOutcome>) {
        for ((_, _, reply), outcome) in self.clears.into_iter().zip(steps) {
            let _ = reply.send(Ok(outcome));
        }
        for ((_, reply), outcome) in self.writes.into_iter().zip(written) {
            let _ = reply.send(Ok(outcome));
        }
        self.answers.into_iter().for_each(|answer| answer(Ok(())));
    }

    /// Answers all requests with an error. Some may be committed.
    pub(super) fn fail(self, error: &EmbeddedError) {
        let failed = || error.clone();
        self.answers.into_iter().for_each(|answer| answer(Err(failed())));
        for (_, reply) in self.appends {
            let _ = reply.send(Err(failed()));
        }
        for (_, reply) in self.writes {
            let _ = reply.send(Err(failed()));
        }
        for (_, _, reply) in self.clears {
            let _ = reply.send(Err(failed()));
        }
        for ordered in self.ordered {
            match ordered {
                Ordered::Acquire(_, reply) => _ = reply.send(Err(failed())),
                Ordered::Commit(_, reply) => _ = reply.send(Err(failed())),
                Ordered::Begin(_, reply) => _ = reply.send(Err(failed())),
                Ordered::Acknowledge(_, reply) => _ = reply.send(Err(failed())),
            }
        }
    }
}
