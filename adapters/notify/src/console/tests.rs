//! The console: bytes, failures and concurrent notifications.

use std::sync::{Arc, mpsc};

use logistics_core::{OrderId, Reason, Status, Timestamp, Version};
use logistics_testkit::block_on;
use logistics_testkit::executor::poll_once;

use super::*;
use crate::templates::TemplateSet;

fn notification(order_id: &str) -> Notification {
    let order_id = OrderId::parse(order_id).unwrap();
    Notification::new(order_id, Version(2), Status::Confirmed, Timestamp::default())
}

fn reasons_only<W: Write + Send>(writer: W) -> Console<W> {
    let set = TemplateSet::new("{reason}", "{reason}").unwrap();
    Console::in_language(writer, Templates::english().with(Language::english(), set), Language::english())
}

fn with_reason(reason: &str) -> Notification {
    let mut notification = notification("o-1");
    notification.reason = Some(Reason::parse(reason).unwrap());
    notification
}

fn printed(console: Console<Vec<u8>>) -> String {
    String::from_utf8(console.into_inner()).unwrap()
}

/// Accepts `left` bytes, then fails until it is open.
struct Pipe {
    open: bool,
    left: usize,
    taken: Vec<u8>,
    writes: usize,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        if !self.open && self.left == 0 {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = if self.open { bytes.len() } else { self.left.min(bytes.len()) };
        self.left -= count.min(self.left);
        self.taken.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reports the start of each write, and waits for permission to continue.
struct Paused(mpsc::Sender<()>, mpsc::Receiver<()>);

impl Write for Paused {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(());
        let _ = self.1.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn while_a_write_blocks_another_notification_waits_without_a_thread() {
    let (begun, begins) = mpsc::channel();
    let (permit, permits) = mpsc::channel();
    permit.send(()).unwrap();
    let console = Arc::new(Console::new(Paused(begun, permits)));
    begins.recv().unwrap();
    let first = console.clone();
    let writing = std::thread::spawn(move || block_on(first.notify(&notification("a"))));
    begins.recv().unwrap();
    let second = notification("b");
    let mut second = console.notify(&second);
    assert!(poll_once(second.as_mut()).is_none(), "it waits, and this thread continues");
    permit.send(()).unwrap();
    permit.send(()).unwrap();
    block_on(second).unwrap();
    writing.join().unwrap().unwrap();
}

#[tokio::test]
async fn no_text_changes_the_direction_of_the_terminal() {
    let console = reasons_only(Vec::new());
    console.notify(&with_reason("a\u{202e}b\u{2066}c\u{200f}d\u{2028}é")).await.unwrap();
    assert!(printed(console).ends_with("🔔 NOTIFICATION:\na\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}é\n"));
}

#[test]
fn it_prints_its_first_line_when_it_is_created() {
    assert_eq!(printed(Console::new(Vec::new())), "Notification Service Running...\n");
}

#[tokio::test]
async fn notifications_are_printed_byte_for_byte() {
    let console = Console::new(Vec::new());
    let mut notification = notification("o-1");
    console.notify(&notification).await.unwrap();
    notification.late = true;
    console.notify(&notification).await.unwrap();
    let expected = "Notification Service Running...\n\
        🔔 NOTIFICATION:\nOrder o-1 is now CONFIRMED\n\
        🔔 NOTIFICATION:\nOrder o-1 is late: still CONFIRMED\n";
    assert_eq!(printed(console), expected);
}

#[tokio::test]
async fn a_notification_is_one_write() {
    let console = Console::new(Pipe { open: true, left: 0, taken: Vec::new(), writes: 0 });
    console.notify(&notification("one")).await.unwrap();
    console.notify(&notification("two")).await.unwrap();
    assert_eq!(console.into_inner().writes, 3, "one for the first line and one per notification");
}

#[tokio::test]
async fn a_notification_fails_while_the_console_is_closed_and_is_printed_in_full_later() {
    let console = Console::new(Pipe { open: false, left: 0, taken: Vec::new(), writes: 0 });
    let error = console.notify(&notification("one")).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    console.0.lock().await.writer.open = true;
    console.notify(&notification("one")).await.unwrap();
    let text = String::from_utf8(console.into_inner().taken).unwrap();
    assert_eq!(text, "Notification Service Running...\n🔔 NOTIFICATION:\nOrder one is now CONFIRMED\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_two_notifications_never_interleave() {
    const EACH: usize = 500;
    let console = Arc::new(Console::new(Vec::new()));
    let tasks = ["left", "right"].map(|text| {
        let console = console.clone();
        tokio::spawn(async move {
            for _ in 0..EACH {
                console.notify(&notification(text)).await.unwrap();
            }
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    let text = printed(Arc::into_inner(console).unwrap());
    let lines: Vec<&str> = text.lines().skip(1).collect();
    assert_eq!(lines.len(), 4 * EACH);
    for pair in lines.chunks(2) {
        assert_eq!(pair[0], "🔔 NOTIFICATION:");
        let texts = ["Order left is now CONFIRMED", "Order right is now CONFIRMED"];
        assert!(texts.contains(&pair[1]), "{pair:?}");
    }
}
