//! Log lines on standard error, for people or for machines.

mod escape;
mod queue;

use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::sync::OnceLock;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

use escape::{HumanFields, JsonEvent};
use queue::Queue;

/// How long a process waits at its end for unwritten lines.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Flags of logging.
#[derive(Args, Debug, Clone)]
pub struct LogArgs {
    /// What to log: error, warn, info, debug, trace, or a filter such as `warn,logistics_tokio=debug`
    #[arg(long, env = "LOGISTICS_LOG_LEVEL", default_value = "info")]
    log_level: LogFilter,
    /// Log lines for people or for machines
    #[arg(long, env = "LOGISTICS_LOG_FORMAT", value_enum, default_value_t = LogFormat::Human)]
    log_format: LogFormat,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum LogFormat {
    Human,
    Json,
}

/// A valid filter.
#[derive(Debug, Clone)]
struct LogFilter(String);

impl std::str::FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        EnvFilter::try_new(text).map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

impl LogArgs {
    /// Starts logging. Later calls in a process do nothing.
    pub fn start(&self) {
        let filter = EnvFilter::try_new(&self.log_level.0).unwrap_or_default();
        start(filter, self.log_format);
    }
}

/// Starts logging of warnings and errors, for a command with output of its own.
pub fn start_for_problems() {
    start(EnvFilter::new("warn"), LogFormat::Human);
}

/// The queue of lines, once logging has started.
static QUEUE: OnceLock<Queue> = OnceLock::new();

fn start(filter: EnvFilter, format: LogFormat) {
    if QUEUE.get().is_some() {
        return;
    }
    // Without a thread, the service cannot start either, and reports that.
    let Ok(queue) = Queue::start(std::io::stderr(), report_dropped) else { return };
    let queue = QUEUE.get_or_init(|| queue).clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(queue)
        .with_ansi(std::io::stderr().is_terminal());
    let _ = match format {
        LogFormat::Human => subscriber.with_target(false).fmt_fields(HumanFields).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).map_event_format(JsonEvent).try_init(),
    };
    // The default hook writes to standard error directly, and would block on a full pipe.
    std::panic::set_hook(Box::new(log_panic));
}

fn report_dropped(lines: u64) {
    tracing::warn!(lines, "dropped log lines: standard error was not read");
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("no message");
    tracing::error!(thread, "panicked at {place}: {message}");
}

/// Writes a line to standard error, behind the queued log lines.
pub(crate) fn print(line: &str) {
    match QUEUE.get() {
        Some(queue) => queue.push(format!("{line}\n").as_bytes()),
        None => crate::output::to_stderr(line),
    }
}

/// Waits a limited time until the log is written. Remaining lines are lost.
pub(crate) fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(FLUSH_MAX);
    }
}
