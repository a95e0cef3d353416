//! Log lines on standard error, for people or for machines.

mod audit_file;
mod escape;
mod json;
mod queue;

use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use logistics_core::Timestamp;
use tracing::Metadata;
use tracing_subscriber::filter::{FilterExt, filter_fn};
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

use crate::Failure;
use audit_file::AuditFile;
use escape::HumanFields;
use json::JsonLines;
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

/// Flags of the audit trail, for processes that serve the API.
#[derive(Args, Debug, Clone, Default)]
pub struct AuditArgs {
    /// Append the audit trail to this file, a line of JSON per call that was refused or used a privilege [default: to the log]
    #[arg(long, env = "LOGISTICS_AUDIT_LOG", value_name = "FILE")]
    audit_log: Option<PathBuf>,
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
        self.start_lines(None);
    }

    /// Starts logging in a process whose events of `target` are an audit trail. Later calls in a process do nothing.
    ///
    /// # Errors
    /// If the file of the audit trail cannot be opened.
    pub fn start_audited(&self, audit: &AuditArgs, target: &'static str) -> Result<(), Failure> {
        let file = audit.audit_log.as_deref().map(open_audit).transpose()?;
        self.start_lines(Some(Trail { target, file }));
        Ok(())
    }

    fn start_lines(&self, trail: Option<Trail>) {
        let filter = EnvFilter::try_new(&self.log_level.0).unwrap_or_default();
        start(filter, self.log_format, trail);
    }
}

/// The audit trail of a process.
struct Trail {
    target: &'static str,
    /// `None`: the trail is in the log.
    file: Option<AuditFile>,
}

fn open_audit(path: &Path) -> Result<AuditFile, Failure> {
    let shown = path.display();
    AuditFile::open(path)
        .map_err(|error| Failure::usage(format!("cannot open the audit log {shown}: {error}")))
}

/// Starts logging of warnings and errors, for a command with output of its own.
pub fn start_for_problems() {
    start(EnvFilter::new("warn"), LogFormat::Human, None);
}

/// The queue of lines, once logging has started.
static QUEUE: OnceLock<Queue> = OnceLock::new();

fn start(filter: EnvFilter, format: LogFormat, trail: Option<Trail>) {
    if QUEUE.get().is_some() {
        return;
    }
    // Without a thread, the service cannot start either, and reports that.
    let Ok(queue) = Queue::start(std::io::stderr(), report_dropped) else { return };
    let queue = QUEUE.get_or_init(|| queue).clone();
    let (target, file) = trail.map_or((None, None), |trail| (Some(trail.target), trail.file));
    let is_audit = move |metadata: &Metadata<'_>| Some(metadata.target()) == target;
    // The trail is complete at every level, and in one place: in its file, if it has one.
    let has_file = file.is_some();
    let to_stderr =
        filter.or(filter_fn(is_audit)).and(filter_fn(move |metadata| !(has_file && is_audit(metadata))));
    let lines = fmt::layer().with_writer(queue).with_ansi(std::io::stderr().is_terminal());
    let lines = match format {
        LogFormat::Human => lines.with_target(false).fmt_fields(HumanFields).boxed(),
        LogFormat::Json => lines.fmt_fields(JsonFields::new()).event_format(JsonLines(now)).boxed(),
    };
    let trail = file.map(|file| {
        let lines = fmt::layer().with_writer(file).with_ansi(false).fmt_fields(JsonFields::new());
        lines.event_format(JsonLines(now)).with_filter(filter_fn(is_audit))
    });
    let _ = tracing_subscriber::registry().with(lines.with_filter(to_stderr)).with(trail).try_init();
    // The default hook writes to standard error directly, and would block on a full pipe.
    std::panic::set_hook(Box::new(log_panic));
}

fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
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
        None => crate::output::note(line),
    }
}

/// Waits a limited time until the log is written. Remaining lines are lost.
pub(crate) fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush(FLUSH_MAX);
    }
}
