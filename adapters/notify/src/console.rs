//! The console.

use std::io::{self, Stdout, Write};

use async_trait::async_trait;
use futures::lock::Mutex;
use logistics_core::notify::Notification;
use logistics_core::port::{Notifier, NotifyError, NotifyErrorKind};

use crate::language::Language;
use crate::templates::Templates;

const STARTED: &str = "Notification Service Running...\n";
const HEADING: &str = "🔔 NOTIFICATION:\n";

/// Prints each notification as a heading and one line of text. Lines of two notifications never interleave.
///
/// It prints `Notification Service Running...` once, when it is made. A write that fails (a full disk, a closed pipe) fails
/// the notification as [`NotifyErrorKind::Unavailable`], so that it is retried. What was written in part is written again.
///
/// A write that blocks (a paused terminal) blocks the thread that polls [`Notifier::notify`]. Other notifications wait for
/// it without a thread.
#[derive(Debug)]
pub struct Console<W = Stdout>(Mutex<Printer<W>>);

#[derive(Debug)]
struct Printer<W> {
    writer: W,
    started: bool,
    templates: Templates,
    language: Language,
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
    /// On `writer`, in English. It is flushed after each notification.
    #[must_use]
    pub fn new(writer: W) -> Self {
        Self::in_language(writer, Templates::english(), Language::english())
    }

    /// On `writer`, with the templates of a language. It is flushed after each notification.
    #[must_use]
    pub fn in_language(writer: W, templates: Templates, language: Language) -> Self {
        let mut printer = Printer { writer, started: false, templates, language, text: String::new() };
        // Where it fails, the first notification begins with it and reports the failure.
        let _ = printer.print_started();
        Self(Mutex::new(printer))
    }

    /// The writer, with everything that was printed.
    pub fn into_inner(self) -> W {
        self.0.into_inner().writer
    }
}

impl<W: Write> Printer<W> {
    fn print_started(&mut self) -> io::Result<()> {
        if !self.started {
            self.writer.write_all(STARTED.as_bytes())?;
            self.writer.flush()?;
            self.started = true;
        }
        Ok(())
    }

    fn print(&mut self, notification: &Notification) -> io::Result<()> {
        self.print_started()?;
        self.text.clear();
        self.text.push_str(HEADING);
        self.templates.render_into(&self.language, notification, &mut self.text);
        self.text.push('\n');
        self.writer.write_all(self.text.as_bytes())?;
        self.writer.flush()
    }
}

#[async_trait]
impl<W: Write + Send> Notifier for Console<W> {
    async fn notify(&self, notification: &Notification) -> Result<(), NotifyError> {
        let mut printer = self.0.lock().await;
        printer.print(notification).map_err(|error| {
            NotifyError::new(NotifyErrorKind::Unavailable, format!("cannot write to the console: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
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
        let console = reasons_only(Vec::new());
        console.notify(&with_reason("a\u{202e}b\u{2066}c\u{200f}d\u{2028}é")).await.unwrap();
        assert!(printed(console).ends_with("🔔 NOTIFICATION:\na\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}é\n"));
    }

    #[test]
    fn it_prints_that_it_runs_when_it_is_made() {
        assert_eq!(printed(Console::new(Vec::new())), "Notification Service Running...\n");
    }

    #[tokio::test]
    async fn notifications_follow_byte_for_byte() {
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
        assert_eq!(console.into_inner().writes, 3, "the first line and one for each");
    }

    #[tokio::test]
    async fn a_closed_console_fails_the_notification_and_prints_it_all_once_it_works() {
        let console = Console::new(Pipe { open: false, left: 0, taken: Vec::new(), writes: 0 });
        let error = console.notify(&notification("one")).await.unwrap_err();
        assert!(error.is_retryable(), "{error}");
        console.0.lock().await.writer.open = true;
        console.notify(&notification("one")).await.unwrap();
        let text = String::from_utf8(console.into_inner().taken).unwrap();
        assert_eq!(text, "Notification Service Running...\n🔔 NOTIFICATION:\nOrder one is now CONFIRMED\n");
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
            let texts = ["Order left is now CONFIRMED", "Order right is now CONFIRMED"];
            assert!(texts.contains(&pair[1]), "{pair:?}");
        }
    }
}
