//! One SMTP session.

use std::time::Duration;

use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, transport};
use logistics_core::port::NotifyError;
use tokio::time::Instant;

use crate::reply::{Stage, failure};
use crate::server::{Security, SmtpServer};

/// Messages on one connection. Servers bound it, too.
const MESSAGES_MAX: u32 = 100;
/// A connection that was idle for longer is not used again.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// The limit of the check whether an idle connection is open, and of the end of a session.
const CHECK_MAX: Duration = Duration::from_secs(2);

/// An open session between two messages.
pub(crate) struct Connection {
    smtp: AsyncSmtpConnection,
    messages: u32,
    used_at: Instant,
}

/// A message, ready to send.
pub(crate) struct Envelope<'a> {
    pub(crate) from: &'a Address,
    pub(crate) to: &'a Address,
    pub(crate) message: &'a [u8],
}

impl Connection {
    /// Connects, starts TLS and logs in.
    pub(crate) async fn open(server: &SmtpServer, tls: Option<&TlsParameters>) -> Result<Self, NotifyError> {
        let name = ClientId::default();
        let at = |stage| move |error: transport::smtp::Error| failure(stage, &error);
        let wrapper = tls.filter(|_| server.security == Security::Tls).cloned();
        let address = (server.host.as_str(), server.port);
        let connected = AsyncSmtpConnection::connect_tokio1(address, None, &name, wrapper, None).await;
        let mut smtp = connected.map_err(at(Stage::Connect))?;
        if let Some(tls) = tls.filter(|_| server.security == Security::StartTls) {
            smtp.starttls(tls.clone(), &name).await.map_err(at(Stage::StartTls))?;
        }
        if let Some(login) = &server.login {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            smtp.auth(&mechanisms, &login.credentials()).await.map_err(at(Stage::Login))?;
        }
        Ok(Self { smtp, messages: 0, used_at: Instant::now() })
    }

    /// Whether an idle session can be used again.
    pub(crate) async fn is_usable(&mut self) -> bool {
        self.messages < MESSAGES_MAX
            && self.used_at.elapsed() < IDLE_MAX
            && matches!(tokio::time::timeout(CHECK_MAX, self.smtp.command(Noop)).await, Ok(Ok(_)))
    }

    /// Sends one message. With the result is the session, if it can be used again. Dropping the future closes the connection, so
    /// no later message reads the answer to this one.
    pub(crate) async fn send(mut self, envelope: &Envelope<'_>) -> (Result<(), NotifyError>, Option<Self>) {
        let sent = self.transact(envelope).await;
        (self.messages, self.used_at) = (self.messages + 1, Instant::now());
        if sent.is_ok() {
            return (sent, Some(self));
        }
        // Servers differ in what a session may do after a rejection.
        let _ = tokio::time::timeout(CHECK_MAX, self.smtp.quit()).await;
        (sent, None)
    }

    async fn transact(&mut self, envelope: &Envelope<'_>) -> Result<(), NotifyError> {
        let Envelope { from, to, message } = *envelope;
        let at = |stage| move |error: transport::smtp::Error| failure(stage, &error);
        let smtp = &mut self.smtp;
        smtp.command(Mail::new(Some(from.clone()), Vec::new())).await.map_err(at(Stage::Sender))?;
        smtp.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(at(Stage::Recipient))?;
        smtp.command(Data).await.map_err(at(Stage::Message))?;
        smtp.message(message).await.map_err(at(Stage::Message))?;
        Ok(())
    }
}
