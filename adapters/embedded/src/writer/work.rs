//! The requests of one cycle, by what they need, and who waits for them.

use logistics_core::port::{ClearOutcome, CommitOutcome, StoreWrite, Token, WriteOutcome};
use logistics_core::{Offset, Partition};

use crate::error::EmbeddedError;
use crate::writer::request::{Acknowledge, Append, Begin, Commit, Epoch, Reply, Request};

#[derive(Default)]
pub(super) struct Work {
    /// Nobody has an answer yet, so these may go first whenever they came.
    pub(super) appends: Vec<(Append, Reply<Offset>)>,
    /// In the order in which they came.
    pub(super) ordered: Vec<Ordered>,
    /// The log does not depend on them, nor they on the log.
    pub(super) writes: Vec<(Box<StoreWrite>, Reply<WriteOutcome>)>,
    /// They come after the writes: as long as there is no answer to a write, no caller knows its token.
    pub(super) clears: Vec<(Partition, Token, Reply<ClearOutcome>)>,
    /// Of what was carried out, and is not yet known to be committed.
    answers: Vec<Answer>,
}

pub(super) enum Ordered {
    Acquire(Partition, Reply<Epoch>),
    Commit(Commit, Reply<CommitOutcome>),
    Begin(Begin, Reply<bool>),
    Acknowledge(Acknowledge, Reply<()>),
}

/// Tells somebody that it is done, or why not.
type Answer = Box<dyn FnOnce(Result<(), EmbeddedError>) + Send>;

impl Work {
    pub(super) fn take(&mut self, request: Request) {
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

    /// What somebody is told once it is committed.
    pub(super) fn answer<T: Send + 'static>(&mut self, reply: Reply<T>, value: T) {
        self.answers.push(Box::new(move |result| {
            // Whoever asked may have stopped waiting.
            let _ = reply.send(result.map(|()| value));
        }));
    }

    /// One write cannot be carried out; the others can.
    pub(super) fn fail_write(&mut self, index: usize, error: EmbeddedError) {
        let (_, reply) = self.writes.remove(index);
        let _ = reply.send(Err(error));
    }

    /// One removal cannot be carried out; everything else can.
    pub(super) fn fail_clear(&mut self, index: usize, error: EmbeddedError) {
        let (_, _, reply) = self.clears.remove(index);
        let _ = reply.send(Err(error));
    }

    /// All of it is committed.
    pub(super) fn done(self, written: Vec<WriteOutcome>, cleared: Vec<ClearOutcome>) {
        for ((_, _, reply), outcome) in self.clears.into_iter().zip(cleared) {
            let _ = reply.send(Ok(outcome));
        }
        for ((_, reply), outcome) in self.writes.into_iter().zip(written) {
            let _ = reply.send(Ok(outcome));
        }
        self.answers.into_iter().for_each(|answer| answer(Ok(())));
    }

    /// Nothing of it is known to be committed.
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
