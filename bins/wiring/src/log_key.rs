//! The keys of the log: owners sign their records, APIs their requests.

use std::path::PathBuf;

use clap::Args;
use logistics_core::wire::LogKeys;

use crate::key_file;
use logistics_cli_kit::Failure;

/// Flags of every process that decides orders or appends requests.
#[derive(Args, Debug, Clone, Default)]
pub struct LogKeyArgs {
    /// A file with the keys of the log, 64 hexadecimal digits per line. The first key signs, all keys verify: an API signs its
    /// requests, a processor its facts and outcomes. From the first signed record of a partition on, unsigned facts and outcomes
    /// are dead-lettered; unsigned requests are, unless the processor's --log-producer-roles permits them
    #[arg(long, env = "LOGISTICS_LOG_KEY_FILE", value_name = "FILE")]
    log_key_file: Option<PathBuf>,
}

impl LogKeyArgs {
    /// The keys; `None` without a file.
    ///
    /// # Errors
    /// If the file cannot be read or a line is no key. The text contains no key.
    pub fn keys(&self) -> Result<Option<LogKeys>, Failure> {
        let Some(file) = &self.log_key_file else { return Ok(None) };
        let keys = key_file::read(file, "log keys").map_err(Failure::usage)?;
        let keys =
            LogKeys::new(&keys).map_err(|error| format!("the log keys in {}: {error}", file.display()));
        keys.map(Some).map_err(Failure::usage)
    }
}
