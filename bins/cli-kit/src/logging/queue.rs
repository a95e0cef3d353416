//! The queue of lines to standard error. Standard error may be a pipe that is never read, so no working thread waits for it.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Maximum size of the waiting lines. Further lines are dropped and counted.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// Maximum size of one write.
const WRITE_BYTES: usize = 32 * 1024;
/// How long logging an error waits until it is written, because the process may end next.
const ERROR_WAIT: Duration = Duration::from_millis(200);

/// A queue of lines and the thread that writes them. Clones share it.
#[derive(Clone)]
pub(super) struct Queue(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// Lines were added.
    filled: Condvar,
    /// Lines were written.
    written: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<u8>,
    /// Size of the write in progress.
    writing_bytes: usize,
    /// Lines dropped since the last report.
    dropped: u64,
    /// A wait timed out, and nothing was written since.
    stuck: bool,
}

impl State {
    fn bytes(&self) -> usize {
        self.waiting.len() + self.writing_bytes
    }
}

impl Queue {
    /// Starts the thread, which writes all lines to `sink` in order. When the queue is empty again, it calls `report` with the
    /// number of dropped lines.
    ///
    /// # Errors
    /// If the thread cannot start.
    pub(super) fn start(
        sink: impl Write + Send + 'static,
        report: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State::default()),
            filled: Condvar::new(),
            written: Condvar::new(),
        });
        let queue = Self(shared);
        let writing = queue.clone();
        std::thread::Builder::new().name("log".to_owned()).spawn(move || writing.write_all(sink, report))?;
        Ok(queue)
    }

    /// Adds a line, or drops it if the queue is full.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.state();
        if state.bytes() + line.len() > WAITING_BYTES_MAX {
            state.dropped += 1;
            return;
        }
        state.waiting.extend(line);
        self.0.filled.notify_one();
    }

    /// Waits until all lines are written, at most for `limit`.
    pub(super) fn flush(&self, limit: Duration) {
        let waits = |state: &mut State| state.bytes() > 0;
        let waited = self.0.written.wait_timeout_while(self.state(), limit, waits);
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stuck |= timeout.timed_out();
    }

    fn write_all(&self, mut sink: impl Write, report: impl Fn(u64)) {
        let mut lines = Vec::with_capacity(WRITE_BYTES);
        loop {
            let empty = |state: &mut State| state.waiting.is_empty();
            let mut state =
                self.0.filled.wait_while(self.state(), empty).unwrap_or_else(PoisonError::into_inner);
            let bytes = state.waiting.len().min(WRITE_BYTES);
            lines.clear();
            lines.extend(state.waiting.drain(..bytes));
            state.writing_bytes = bytes;
            drop(state);
            // A closed standard error cannot be reported anywhere.
            let _ = sink.write_all(&lines).and_then(|()| sink.flush());
            let mut state = self.state();
            (state.writing_bytes, state.stuck) = (0, false);
            let dropped = if state.waiting.is_empty() { std::mem::take(&mut state.dropped) } else { 0 };
            drop(state);
            if dropped > 0 {
                // The report is itself a line of this queue.
                report(dropped);
            }
            self.0.written.notify_all();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes one line to the queue.
pub(super) struct Line<'a> {
    queue: &'a Queue,
    is_error: bool,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.queue.push(line);
        if self.is_error && !self.queue.state().stuck {
            self.queue.flush(ERROR_WAIT);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { queue: self, is_error: false }
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Line<'a> {
        Line { queue: self, is_error: *metadata.level() == Level::ERROR }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
    use std::time::Instant;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// A pipe without a buffer: each write waits until it is read.
    struct Pipe(SyncSender<Vec<u8>>);

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn queue() -> (Queue, Receiver<Vec<u8>>, Receiver<u64>) {
        let (pipe, read) = sync_channel(0);
        let (report, reported) = channel();
        let queue = Queue::start(Pipe(pipe), move |dropped| {
            let _ = report.send(dropped);
        });
        (queue.expect("a thread"), read, reported)
    }

    #[test]
    fn lines_are_written_in_their_order() {
        let (queue, read, _) = queue();
        (0..100).for_each(|n| queue.push(format!("{n}\n").as_bytes()));
        let mut text = Vec::new();
        while !text.ends_with(b"99\n") {
            text.extend(read.recv_timeout(PATIENCE).expect("more"));
        }
        let expected: String = (0..100).map(|n| format!("{n}\n")).collect();
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn a_full_queue_drops_whole_lines_and_reports_their_number() {
        let (queue, read, reported) = queue();
        let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
        let fit = WAITING_BYTES_MAX / line.len();
        (0..fit + 7).for_each(|_| queue.push(&line));
        let mut bytes = 0;
        while bytes < fit * line.len() {
            bytes += read.recv_timeout(PATIENCE).expect("more").len();
        }
        assert_eq!(reported.recv_timeout(PATIENCE), Ok(7));
        assert_eq!(bytes, fit * line.len(), "a part of a line was written");
    }

    #[test]
    fn an_error_waits_until_it_is_written_but_only_once_while_the_pipe_is_not_read() {
        let (queue, _read, _) = queue();
        let mut line = Line { queue: &queue, is_error: true };
        let begun = Instant::now();
        line.write_all(b"first\n").expect("queued");
        let first = begun.elapsed();
        assert!(first >= ERROR_WAIT, "{first:?}");
        (0..1000).for_each(|_| line.write_all(b"again\n").expect("queued"));
        assert!(begun.elapsed() - first < PATIENCE, "a later error waited");
        assert!(queue.state().stuck);
    }
}
