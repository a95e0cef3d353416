//! The console as a notifier.

use std::io::{self, Stdout, Write};

use async_trait::async_trait;
use futures::lock::Mutex;
use logistics_core::Language;
use logistics_core::notify::Notification;
use logistics_core::port::{Notifier, NotifyError, NotifyErrorKind};

use crate::templates::Templates;

const STARTED: &str = "Notification Service Running...\n";
const HEADING: &str = "🔔 NOTIFICATION:\n";

/// Prints each notification as a heading and one line of text. Lines of two notifications never interleave.
///
/// It prints `Notification Service Running...` once, when it is created. After a failed write (a full disk, a closed pipe), the
/// notification fails with [`NotifyErrorKind::Unavailable`], so it is retried. A partial write is repeated from its start.
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
    /// Kept between notifications, so that printing allocates no memory.
    text: String,
}

impl Console<Stdout> {
    /// A console on standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(io::stdout())
    }
}

impl<W: Write + Send> Console<W> {
    /// A console on `writer`, in English. It flushes after each notification.
    #[must_use]
    pub fn new(writer: W) -> Self {
        Self::in_language(writer, Templates::english(), Language::english())
    }

    /// A console on `writer`, with the templates of a language. It flushes after each notification.
    #[must_use]
    pub fn in_language(writer: W, templates: Templates, language: Language) -> Self {
        let mut printer = Printer { writer, started: false, templates, language, text: String::new() };
        // After a failure, the first notification prints this line again and reports the error.
        let _ = printer.print_started();
        Self(Mutex::new(printer))
    }

    /// The writer.
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
mod tests;
