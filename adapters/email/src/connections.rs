//! A bounded pool of SMTP sessions.
//!
//! The pool of lettre reuses a connection whose call was dropped, so a later message could read the answer to an earlier one. Here
//! a session leaves the pool for a call and returns only after its complete answer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use lettre::transport::smtp::client::TlsParameters;
use logistics_core::port::NotifyError;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::connection::{Connection, Envelope};
use crate::options::CannotSend;
use crate::reply::{Stage, too_slow};
use crate::server::SmtpServer;

pub(crate) struct Connections {
    server: SmtpServer,
    tls: Option<TlsParameters>,
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
    connect_ms_max: u64,
    send_ms_max: u64,
}

impl Connections {
    pub(crate) fn new(
        server: SmtpServer,
        connections_max: usize,
        connect_ms_max: u64,
        send_ms_max: u64,
    ) -> Result<Self, CannotSend> {
        let tls = server.tls()?;
        let permits = Semaphore::new(connections_max.max(1));
        Ok(Self { server, tls, permits, idle: Mutex::default(), connect_ms_max, send_ms_max })
    }

    /// Sends one message over an idle or a new connection.
    pub(crate) async fn send(&self, envelope: &Envelope<'_>) -> Result<(), NotifyError> {
        let limit = Duration::from_millis(self.send_ms_max);
        let sent = timeout(limit, self.send_over_one(envelope)).await;
        sent.unwrap_or_else(|_| Err(too_slow(Stage::Message, self.send_ms_max)))
    }

    async fn send_over_one(&self, envelope: &Envelope<'_>) -> Result<(), NotifyError> {
        // Never closed, so it cannot fail.
        let _permit = self.permits.acquire().await;
        let connection = match self.reused().await {
            Some(connection) => connection,
            None => self.opened().await?,
        };
        let (sent, connection) = connection.send(envelope).await;
        if let Some(connection) = connection {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        sent
    }

    async fn reused(&self) -> Option<Connection> {
        loop {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if idle.is_usable().await {
                return Some(idle);
            }
        }
    }

    async fn opened(&self) -> Result<Connection, NotifyError> {
        let limit = Duration::from_millis(self.connect_ms_max);
        let opened = timeout(limit, Connection::open(&self.server, self.tls.as_ref())).await;
        opened.unwrap_or_else(|_| Err(too_slow(Stage::Connect, self.connect_ms_max)))
    }
}
