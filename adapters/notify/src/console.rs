//! The console.

use std::io::{self, Stdout, Write};

use async_trait::async_trait;
use futures::lock::Mutex;
use logistics_core::notify::Notification;
use logistics_core::port::{Notifier, NotifyError};
use logistics_core::text::is_active;

const GREETING: &str = "Notification Service Running...\n";
const HEADING: &str = "🔔 NOTIFICATION:\n";

/// Prints each notification, as two lines that nothing of this notifier comes between.
///
/// It says `Notification Service Running...` once, when it is made. A write that fails (a full disk, a pipe that nobody
/// reads any more) fails the notification, to be tried again: so none is lost, and once the process runs with a console
/// that works they all come. What was written in part is written again.
///
/// A write that waits (a paused terminal) holds up the thread that polls [`Notifier::notify`], and no other: notifications of
/// other partitions wait without a thread.
#[derive(Debug)]
pub struct Console<W = Stdout>(Mutex<Printer<W>>);

#[derive(Debug)]
struct Printer<W> {
    writer: W,
    greeted: bool,
    /// Kept, so that printing takes no new memory.
    text: String,
}

impl Console<Stdout> {
    /// On standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write + Send> Console<W> {
    /// On `writer`, which is flushed after each notification.
    #[must_use]
    pub fn new(writer: W) -> Self {
        let mut printer = Printer { writer, greeted: false, text: String::new() };
        // Where it fails, the first notification begins with it and reports what is wrong.
        let _ = printer.greet();
        Self(Mutex::new(printer))
    }

    /// The writer, with everything that was printed.
    pub fn into_inner(self) -> W {
        self.0.into_inner().writer
    }
}

impl<W: Write> Printer<W> {
    fn greet(&mut self) -> io::Result<()> {
        if !self.greeted {
            self.writer.write_all(GREETING.as_bytes())?;
            self.writer.flush()?;
            self.greeted = true;
        }
        Ok(())
    }

    fn print(&mut self, notification: &Notification) -> io::Result<()> {
        self.greet()?;
        self.text.clear();
        self.text.push_str(HEADING);
        // One line stays one line, and nothing in it steers a terminal, whatever the log holds.
        let printable = notification.text.chars().map(|c| if is_active(c) { '\u{fffd}' } else { c });
        self.text.extend(printable);
        self.text.push('\n');
        self.writer.write_all(self.text.as_bytes())?;
        self.writer.flush()
    }
}

#[async_trait]
impl<W: Write + Send> Notifier for Console<W> {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let mut printer = self.0.lock().await;
        printer.print(notification).map_err(|error| NotifyError {
            retryable: true,
            message: format!("the console cannot be written to: {error}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use logistics_core::testkit::block_on;
    use logistics_core::testkit::executor::poll_once;
    use logistics_core::{OrderId, Status, Timestamp, Version};

    use super::*;

    fn notification(text: &str) -> Notification {
        Notification {
            order_id: OrderId::parse("o-1").unwrap(),
            status: Status::Confirmed,
            version: Version(2),
            at: Timestamp::default(),
            audiences: Vec::new(),
            text: text.to_owned(),
        }
    }

    fn printed(console: Console<Vec<u8>>) -> String {
        String::from_utf8(console.into_inner()).unwrap()
    }

    /// Takes so many bytes, then fails until it is mended.
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

    /// Says that a write began, and waits until it may go on.
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
    fn while_a_write_waits_another_notification_waits_without_its_thread() {
        let (begun, begins) = mpsc::channel();
        let (go_on, goes_on) = mpsc::channel();
        go_on.send(()).unwrap();
        let console = Arc::new(Console::new(Paused(begun, goes_on)));
        begins.recv().unwrap();
        let first = console.clone();
        let writing = std::thread::spawn(move || block_on(first.notify(&notification("a"))));
        begins.recv().unwrap();
        let second = notification("b");
        let mut second = console.notify(&second);
        assert!(poll_once(second.as_mut()).is_none(), "it waits, and this thread goes on");
        go_on.send(()).unwrap();
        go_on.send(()).unwrap();
        block_on(second).unwrap();
        writing.join().unwrap().unwrap();
    }

    #[tokio::test]
    async fn nothing_in_a_text_changes_the_direction_of_the_terminal() {
        let console = Console::new(Vec::new());
        console.notify(&notification("a\u{202e}b\u{2066}c\u{200f}d\u{2028}é")).await.unwrap();
        assert!(printed(console).ends_with("\na\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}é\n"));
    }

    #[test]
    fn it_greets_when_it_is_made() {
        assert_eq!(printed(Console::new(Vec::new())), "Notification Service Running...\n");
    }

    #[tokio::test]
    async fn notifications_follow_byte_for_byte() {
        let console = Console::new(Vec::new());
        console.notify(&notification("Order o-1 is now CONFIRMED")).await.unwrap();
        console.notify(&notification("Order o-1 is late: still CONFIRMED")).await.unwrap();
        let expected = "Notification Service Running...\n\
            🔔 NOTIFICATION:\nOrder o-1 is now CONFIRMED\n\
            🔔 NOTIFICATION:\nOrder o-1 is late: still CONFIRMED\n";
        assert_eq!(printed(console), expected);
    }

    #[tokio::test]
    async fn control_characters_neither_break_lines_nor_steer_the_terminal() {
        let console = Console::new(Vec::new());
        console.notify(&notification("a\nb\u{1b}[2Jc")).await.unwrap();
        assert!(printed(console).ends_with("🔔 NOTIFICATION:\na\u{fffd}b\u{fffd}[2Jc\n"));
    }

    #[tokio::test]
    async fn a_notification_is_one_write() {
        let console = Console::new(Pipe { open: true, left: 0, taken: Vec::new(), writes: 0 });
        console.notify(&notification("one")).await.unwrap();
        console.notify(&notification("two")).await.unwrap();
        assert_eq!(console.into_inner().writes, 3, "the greeting and one for each");
    }

    #[tokio::test]
    async fn a_closed_console_fails_the_notification_and_tells_it_all_once_it_works() {
        let console = Console::new(Pipe { open: false, left: 0, taken: Vec::new(), writes: 0 });
        let error = console.notify(&notification("one")).await.unwrap_err();
        assert!(error.retryable, "{error}");
        console.0.lock().await.writer.open = true;
        console.notify(&notification("one")).await.unwrap();
        let text = String::from_utf8(console.into_inner().taken).unwrap();
        assert_eq!(text, "Notification Service Running...\n🔔 NOTIFICATION:\none\n");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn lines_of_two_never_interleave() {
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
            assert!(["left", "right"].contains(&pair[1]), "{pair:?}");
        }
    }
}
