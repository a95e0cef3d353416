//! A server that rejects, defers, hangs and breaks connections.

use std::time::{Duration, Instant};

use logistics_core::Status;
use logistics_core::port::{Notifier, NotifyErrorKind};
use logistics_email::EmailNotifier;

use super::support::{CUSTOMER, MERCHANT, address, notifier, options, to_both, to_customer};
use logistics_test_support::smtp::{Encryption, SmtpServer};

async fn outcome(notifier: &EmailNotifier, status: Status) -> Result<(), NotifyErrorKind> {
    notifier.notify(&to_customer(status)).await.map_err(|error| error.kind())
}

#[tokio::test]
async fn replies_have_the_kind_that_a_caller_can_act_on() {
    use NotifyErrorKind::{Deferred, RateLimited, Rejected, Unauthorized, Unavailable};
    let server = SmtpServer::start(Encryption::Tls);
    let notifier = notifier(&server);
    for (code, text, kind) in [
        (450, "4.2.1 mailbox busy", Deferred),
        (450, "4.1.2 no such domain", Deferred),
        (451, "4.7.1 too many messages", RateLimited),
        (451, "4.3.0 out of order", Unavailable),
        (421, "closing", Unavailable),
        (452, "4.2.2 mailbox full", Deferred),
        (550, "5.1.1 no such mailbox", Rejected),
        (553, "5.1.3 not allowed", Rejected),
        (530, "5.7.0 log in first", Unauthorized),
        (550, "5.4.5 daily quota used", Unauthorized),
        (554, "5.7.1 listed", Unauthorized),
    ] {
        server.plan().recipients.insert(CUSTOMER.to_owned(), [(code, text)].into());
        assert_eq!(outcome(&notifier, Status::Placed).await, Err(kind), "{code}");
    }
    for (code, kind) in [(451, Unavailable), (550, Unauthorized)] {
        server.plan().senders.push_back((code, "5.1.8 sender"));
        assert_eq!(outcome(&notifier, Status::Placed).await, Err(kind), "{code}");
    }
    for (code, kind) in [(451, Deferred), (552, Rejected), (554, Rejected)] {
        server.plan().messages.push_back((code, "message"));
        assert_eq!(outcome(&notifier, Status::Placed).await, Err(kind), "{code}");
    }
    assert!(server.mails().is_empty());
    assert_eq!(outcome(&notifier, Status::Placed).await, Ok(()));
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_retry_for_one_recipient_sends_nothing_to_the_other_again() {
    let server = SmtpServer::start(Encryption::Tls);
    let notifier = notifier(&server);
    let plan = |reply| server.plan().recipients.insert(MERCHANT.to_owned(), [reply].into());
    let sent = |to: &str| server.mails().iter().filter(|mail| mail.to == [to]).count();
    plan((451, "4.3.0 later"));
    let both = to_both(Status::Placed);
    let error = notifier.notify(&both).await.unwrap_err();
    assert_eq!((error.kind(), sent(CUSTOMER), sent(MERCHANT)), (NotifyErrorKind::Unavailable, 1, 0));
    notifier.notify(&both).await.unwrap();
    assert_eq!((sent(CUSTOMER), sent(MERCHANT)), (1, 1));
    // A rejection is final; what a redrive repeats goes to the merchant alone.
    plan((550, "5.1.1 gone"));
    let both = to_both(Status::Delivered);
    let error = notifier.notify(&both).await.unwrap_err();
    assert_eq!((error.kind(), sent(CUSTOMER), sent(MERCHANT)), (NotifyErrorKind::Rejected, 2, 1));
    notifier.notify(&both).await.unwrap();
    assert_eq!((sent(CUSTOMER), sent(MERCHANT)), (2, 2));
}

#[tokio::test]
async fn a_connection_cut_in_a_message_is_retried_and_the_message_arrives_once() {
    let server = SmtpServer::start(Encryption::StartTls);
    let notifier = notifier(&server);
    server.plan().cuts_in_message = 1;
    assert_eq!(outcome(&notifier, Status::Placed).await, Err(NotifyErrorKind::Unavailable));
    assert!(server.mails().is_empty());
    assert_eq!(outcome(&notifier, Status::Placed).await, Ok(()));
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_repeated_under_its_message_id() {
    let server = SmtpServer::start(Encryption::Tls);
    server.plan().cuts_behind_message = 1;
    assert_eq!(outcome(&notifier(&server), Status::Placed).await, Err(NotifyErrorKind::Unavailable));
    // Another process.
    assert_eq!(outcome(&notifier(&server), Status::Placed).await, Ok(()));
    let ids: Vec<_> =
        server.mails().iter().map(|mail| mail.text.matches("<order-1.1.customer@").count()).collect();
    assert_eq!(ids, [1, 1]);
}

#[tokio::test]
async fn a_slow_server_ends_in_an_error_and_its_connection_is_not_used_again() {
    let server = SmtpServer::start(Encryption::Tls);
    let mut options = options();
    options.send_ms_max = 3_000;
    let slow = EmailNotifier::new(address(&server), options).unwrap();
    server.plan().held = 1;
    let start = Instant::now();
    let error = slow.notify(&to_customer(Status::Placed)).await.unwrap_err();
    assert_eq!(error.to_string(), "the SMTP server did not answer within 3000 ms");
    assert!(error.is_retryable() && start.elapsed() >= Duration::from_secs(3));
    server.release();
    let connections = server.connections();
    assert_eq!(outcome(&slow, Status::Confirmed).await, Ok(()));
    assert_eq!(server.connections(), connections + 1);
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_no_answer_for_the_next_message() {
    let server = SmtpServer::start(Encryption::Tls);
    let notifier = notifier(&server);
    assert_eq!(outcome(&notifier, Status::Placed).await, Ok(()));
    server.plan().held = 1;
    let held = to_customer(Status::Confirmed);
    tokio::select! {
        _ = notifier.notify(&held) => panic!("the server answers nothing"),
        () = until("the message is there", || server.mails().len() == 2) => {}
    }
    server.release();
    server.plan().recipients.insert(CUSTOMER.to_owned(), [(550, "5.1.1 no such mailbox")].into());
    assert_eq!(outcome(&notifier, Status::Preparing).await, Err(NotifyErrorKind::Rejected));
}

#[tokio::test]
async fn connections_are_bounded_and_messages_wait_for_one() {
    let server = SmtpServer::start(Encryption::Tls);
    let mut options = options();
    options.connections_max = 2;
    let notifier = EmailNotifier::new(address(&server), options).unwrap();
    let sends: Vec<_> = (1..=20)
        .map(|n| {
            let mut notification = to_customer(Status::Placed);
            notification.order_id = logistics_testkit::sample::order_id(n);
            notification
        })
        .collect();
    let sent =
        futures::future::join_all(sends.iter().map(|notification| notifier.notify(notification))).await;
    assert!(sent.iter().all(Result::is_ok));
    assert_eq!(server.mails().len(), 20);
    assert!(server.connections() <= 2, "{}", server.connections());
}

/// Waits until a condition holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}
