//! No log line and no error contains an address, at the most detailed level.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use logistics_core::Status;
use logistics_core::port::Notifier;
use logistics_email::EmailNotifier;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::MakeWriter;

use super::support::{CUSTOMER, MERCHANT, address, notifier, options, to_both};
use logistics_test_support::smtp::{Encryption, SmtpServer};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_log_line_error_or_debug_output_contains_an_address() {
    let lines = Lines::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(lines.clone()).finish();
    let mut shown = String::new();
    let work = async {
        tracing::trace!("captured");
        let mut server = SmtpServer::start(Encryption::StartTls);
        let sending = notifier(&server);
        let both = to_both(Status::Placed);
        write!(shown, "{both:?} {both:#?} {sending:?} {:?}", options()).unwrap();
        let quoting = "5.1.1 <ann.secret@customer.example> shop.secret@merchant.example unknown";
        for (code, text) in [(550, quoting), (451, quoting), (530, quoting)] {
            for to in [CUSTOMER, MERCHANT] {
                server.plan().recipients.insert(to.to_owned(), [(code, text)].into());
            }
            note(&mut shown, &sending, Status::Placed).await;
        }
        server.plan().senders.push_back((550, quoting));
        note(&mut shown, &sending, Status::Confirmed).await;
        server.plan().messages.push_back((554, quoting));
        note(&mut shown, &sending, Status::Preparing).await;
        server.plan().cuts_in_message = 2;
        note(&mut shown, &sending, Status::ReadyForPickup).await;
        sending.notify(&to_both(Status::Delivered)).await.unwrap();
        let slow = {
            let mut options = options();
            options.send_ms_max = 200;
            EmailNotifier::new(address(&server), options).unwrap()
        };
        server.plan().held = 2;
        note(&mut shown, &slow, Status::Cancelled).await;
        server.stop();
        note(&mut shown, &sending, Status::Returned).await;
    };
    work.with_subscriber(subscriber).await;
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("captured"));
    for text in [&logged, &shown] {
        for hidden in ["secret", "customer.example", "merchant.example"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
    }
}

/// The failure of a notification, as a log line would show it.
async fn note(shown: &mut String, notifier: &EmailNotifier, status: Status) {
    let error = notifier.notify(&to_both(status)).await.unwrap_err();
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = cause {
        writeln!(shown, "{error} {error:?}").unwrap();
        cause = error.source();
    }
}
