//! Counts the ends of heads and of replies of an HTTP/1 connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The count. It is odd from the end of a head to the end of the reply. Bytes that arrive while it is even belong to a head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Turns(Arc<AtomicU64>);

impl Turns {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Counts the end of a head. The drop of the result is the end of the reply.
    pub(crate) fn head(&self) -> Turn {
        self.0.fetch_add(1, Ordering::Release);
        Turn { turns: self.clone(), ends: true }
    }
}

/// A request that is being answered.
pub(crate) struct Turn {
    turns: Turns,
    ends: bool,
}

impl Turn {
    /// The connection is none of HTTP any more, so no head follows.
    pub(crate) fn keep(&mut self) {
        self.ends = false;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.ends {
            self.turns.0.fetch_add(1, Ordering::Release);
        }
    }
}
