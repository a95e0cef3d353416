//! Log lines on standard error, for people or for machines.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

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

/// A filter that was checked when it was parsed.
#[derive(Debug, Clone)]
struct LogFilter(String);

impl std::str::FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        EnvFilter::try_new(text).map(|_| Self(text.to_owned())).map_err(|error| error.to_string())
    }
}

impl LogArgs {
    /// Starts logging. Only the first call of a process does something.
    pub fn start(&self) {
        let filter = EnvFilter::try_new(&self.log_level.0).unwrap_or_default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(is_terminal());
        let _ = match self.log_format {
            LogFormat::Human => subscriber.with_target(false).try_init(),
            LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
        };
    }
}

/// Starts logging for a command that talks to people itself: what goes wrong, and no more.
pub fn start_for_problems() {
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN);
    let _ = subscriber.with_writer(std::io::stderr).with_target(false).with_ansi(is_terminal()).try_init();
}

/// People read the log as it is written.
fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}
