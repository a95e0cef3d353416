//! The console passes the suite for notifiers.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use logistics_core::port::Notifier;
use logistics_notify::Console;
use logistics_testkit::conformance::{self, Harness, NotifierCapabilities, NotifierFixture, NotifierHarness};

/// The bytes that the reader gets; `None` once the pipe is closed.
#[derive(Clone)]
struct Pipe(Arc<Mutex<Option<Vec<u8>>>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.lock().unwrap().as_mut() {
            Some(read) => read.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Consoles;

struct Fixture {
    pipe: Pipe,
    console: Arc<Console<Pipe>>,
}

#[async_trait]
impl Harness for Consoles {
    async fn pause(&self) {
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl NotifierHarness for Consoles {
    fn capabilities(&self) -> NotifierCapabilities {
        NotifierCapabilities { observable: true, breakable: true }
    }

    async fn fresh(&self) -> Box<dyn NotifierFixture> {
        let pipe = Pipe(Arc::new(Mutex::new(Some(Vec::new()))));
        Box::new(Fixture { pipe: pipe.clone(), console: Arc::new(Console::new(pipe)) })
    }
}

#[async_trait]
impl NotifierFixture for Fixture {
    fn notifier(&self) -> Arc<dyn Notifier> {
        self.console.clone()
    }

    async fn delivered(&self) -> String {
        let read = self.pipe.0.lock().unwrap().clone();
        String::from_utf8(read.unwrap_or_default()).unwrap()
    }

    async fn cut(&mut self) {
        *self.pipe.0.lock().unwrap() = None;
    }
}

#[tokio::test]
async fn the_console_passes_the_suite() {
    let report = conformance::notifier(&Consoles).await;
    assert!(report.skipped.is_empty(), "{report}");
}
