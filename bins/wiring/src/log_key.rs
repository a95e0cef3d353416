//! The keys of the log: owners sign their records, APIs their requests.

use std::path::{Path, PathBuf};

use clap::Args;
use logistics_core::wire::{LOG_KEY_BYTES, LogKeys};

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
        let shown = file.display();
        LogKeys::new(&keys_in(file, "log keys")?)
            .map(Some)
            .map_err(|problem| Failure::usage(format!("the log keys in {shown}: {problem}")))
    }
}

/// The keys in a file, 64 hexadecimal digits per line. `what` names them in errors.
///
/// # Errors
/// If the file cannot be read or a line is no key. The text contains no key.
pub(crate) fn keys_in(file: &Path, what: &str) -> Result<Vec<[u8; LOG_KEY_BYTES]>, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read the {what} in {shown}: {error}")))?;
    parse(&text).map_err(|problem| Failure::usage(format!("the {what} in {shown}: {problem}")))
}

/// Skips empty lines and lines that begin with `#`.
fn parse(text: &str) -> Result<Vec<[u8; LOG_KEY_BYTES]>, String> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(number, line)| {
            key(line).ok_or_else(|| format!("line {number} is not {} hexadecimal digits", 2 * LOG_KEY_BYTES))
        })
        .collect()
}

fn key(line: &str) -> Option<[u8; LOG_KEY_BYTES]> {
    let digits = line.as_bytes();
    if digits.len() != 2 * LOG_KEY_BYTES {
        return None;
    }
    let mut key = [0; LOG_KEY_BYTES];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = digit(pair[0])? * 16 + digit(pair[1])?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_contains_keys_and_an_error_names_the_line_without_its_text() {
        let first = "0f".repeat(32);
        let second = "A1".repeat(32);
        let keys = parse(&format!("# the new one\n{first}\n\n{second}\n")).expect("two keys");
        assert_eq!(keys, [[0x0f; 32], [0xa1; 32]]);
        assert_eq!(parse("# no key\n"), Ok(Vec::new()));
        for (text, says) in
            [(format!("{first}\n{}\n", &second[1..]), "line 2"), (format!("{}zz\n", &first[2..]), "line 1")]
        {
            let problem = parse(&text).expect_err("no key");
            assert!(problem.contains(says) && !problem.contains(&first[..10]), "{problem}");
        }
    }
}
