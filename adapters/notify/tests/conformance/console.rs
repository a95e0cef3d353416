//! The console. Its other side is a pipe, which fails in one way only.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use logistics_core::port::Notifier;
use logistics_notify::Console;
use logistics_testkit::conformance::{self, NotifierHarness};

/// The output of the console; `None` once the reader has closed it.
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

struct Consoles {
    pipe: Pipe,
    console: Arc<Console<Pipe>>,
}

#[async_trait]
impl NotifierHarness for Consoles {
    fn notifier(&self) -> Arc<dyn Notifier> {
        self.console.clone()
    }

    async fn delivered(&self) -> String {
        String::from_utf8(self.pipe.0.lock().unwrap().clone().unwrap_or_default()).unwrap()
    }

    async fn cut(&mut self) {
        *self.pipe.0.lock().unwrap() = None;
    }
}

#[tokio::test]
async fn the_console_passes_the_suite() {
    let fresh = async || {
        let pipe = Pipe(Arc::new(Mutex::new(Some(Vec::new()))));
        Consoles { pipe: pipe.clone(), console: Arc::new(Console::new(pipe)) }
    };
    let report = conformance::notifier(fresh).await;
    let needs_faults =
        [("each_fault_has_its_kind_and_its_wait", "faulty"), ("a_fault_leaves_nothing_behind", "faulty")];
    assert_eq!(report.skipped, needs_faults, "{report}");
}
