//! Idle connections.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::connect::Connection;
use crate::options::{IDLE_CONNECTIONS_ALL_MAX, IDLE_CONNECTIONS_MAX, IDLE_MS_MAX};
use crate::target::Origin;

/// Connections between two requests, by host and port. The newest one is used first.
#[derive(Default)]
pub(crate) struct Pool(Mutex<BTreeMap<Origin, Vec<Idle>>>);

struct Idle {
    connection: Connection,
    since: Instant,
}

impl Pool {
    /// A connection that is still open, as far as this side knows.
    pub(crate) fn take(&self, origin: &Origin) -> Option<Connection> {
        let mut idle = self.lock();
        let of_origin = idle.get_mut(origin)?;
        let found = loop {
            match of_origin.pop() {
                Some(Idle { connection, since }) if is_fresh(since) && connection.sender.is_ready() => {
                    break Some(connection);
                }
                Some(_) => {}
                None => break None,
            }
        };
        if of_origin.is_empty() {
            idle.remove(origin);
        }
        found
    }

    pub(crate) fn put(&self, origin: &Origin, connection: Connection) {
        let mut idle = self.lock();
        idle.retain(|_, connections| {
            connections.retain(|idle| is_fresh(idle.since) && !idle.connection.sender.is_closed());
            !connections.is_empty()
        });
        if idle.values().map(Vec::len).sum::<usize>() >= IDLE_CONNECTIONS_ALL_MAX {
            return;
        }
        let of_origin = idle.entry(origin.clone()).or_default();
        if of_origin.len() < IDLE_CONNECTIONS_MAX {
            of_origin.push(Idle { connection, since: Instant::now() });
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Origin, Vec<Idle>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(since: Instant) -> bool {
    since.elapsed() < Duration::from_millis(IDLE_MS_MAX)
}
