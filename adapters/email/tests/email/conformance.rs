//! The notifier passes the suite.

use std::sync::Arc;

use async_trait::async_trait;
use logistics_core::notify::Notification;
use logistics_core::port::{Notifier, NotifyError};
use logistics_email::EmailNotifier;
use logistics_testkit::conformance::{self, NotifierFault, NotifierHarness};

use super::support::{CUSTOMER, contact, notifier};
use logistics_test_support::smtp::{Encryption, Plan, SmtpServer};

/// Notifications of the suite have no contacts: this adds one to each recipient.
struct Reaching(EmailNotifier);

#[async_trait]
impl Notifier for Reaching {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let mut notification = notification.clone();
        for recipient in &mut notification.recipients {
            recipient.contact = Some(contact(CUSTOMER, Some("de")));
        }
        self.0.notify(&notification).await
    }
}

struct Mailing {
    server: SmtpServer,
    notifier: Arc<Reaching>,
}

#[async_trait]
impl NotifierHarness for Mailing {
    fn notifier(&self) -> Arc<dyn Notifier> {
        self.notifier.clone()
    }

    async fn delivered(&self) -> String {
        self.server.mails().into_iter().map(|mail| mail.text).collect()
    }

    async fn cut(&mut self) {
        self.server.stop();
    }

    fn faults(&self) -> Vec<NotifierFault> {
        vec![NotifierFault::Busy, NotifierFault::Rejected]
    }

    async fn fail(&mut self, fault: Option<NotifierFault>) {
        let mut plan = self.server.plan();
        *plan = Plan::default();
        match fault {
            None => {}
            Some(NotifierFault::Rejected) => {
                let replies = [(550, "5.1.1 No such mailbox")].into();
                plan.recipients = [(CUSTOMER.to_owned(), replies)].into();
            }
            Some(_) => plan.senders = [(421, "4.3.2 Busy")].into(),
        }
    }
}

#[tokio::test]
async fn the_notifier_passes_the_suite() {
    let fresh = async || {
        let server = SmtpServer::start(Encryption::StartTls);
        let notifier = Arc::new(Reaching(notifier(&server)));
        Mailing { server, notifier }
    };
    let report = conformance::notifier(fresh).await;
    assert!(report.skipped.is_empty(), "{report}");
}
