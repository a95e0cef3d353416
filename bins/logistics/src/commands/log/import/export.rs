//! Reads a file of `log export`, as often as needed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;

use logistics_cli_kit::Failure;
use logistics_core::Partition;
use logistics_core::port::{LogRecord, Topic};
use serde::Deserialize;

use crate::commands::log::Entry;

/// A file of records, one per line.
pub(super) struct Export {
    file: File,
    name: String,
}

/// The topic and partition of a record. The rest of its line is an [`Entry`].
#[derive(Deserialize)]
struct Place<'a> {
    topic: &'a str,
    partition: Partition,
}

/// A record of the topic `orders`.
pub(super) struct Exported {
    pub(super) partition: Partition,
    pub(super) record: LogRecord,
    /// Its line number, for errors.
    pub(super) line: u64,
}

impl Export {
    /// # Errors
    /// One sentence, if the file cannot be read.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let name =
            if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
        let file = if path == Path::new("-") { spooled() } else { File::open(path) };
        let file = file.map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
        Ok(Self { file, name })
    }

    /// Reads the file from its start.
    ///
    /// # Errors
    /// One sentence, if the file cannot be read.
    pub(super) fn records(&mut self) -> Result<Records<'_>, Failure> {
        let rewound = self.file.seek(SeekFrom::Start(0));
        rewound.map_err(|error| Failure::usage(format!("cannot read {}: {error}", self.name)))?;
        Ok(Records { lines: BufReader::new(&self.file), name: &self.name, text: String::new(), line: 0 })
    }
}

/// A temporary copy, because an import reads its input several times.
fn spooled() -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut io::stdin().lock(), &mut file)?;
    Ok(file)
}

/// The records of an export, in its order.
pub(super) struct Records<'a> {
    lines: BufReader<&'a File>,
    name: &'a str,
    text: String,
    line: u64,
}

impl Records<'_> {
    /// The next record of the topic `orders`; `None` at the end.
    ///
    /// # Errors
    /// One sentence with the line number, if the line is not a record.
    pub(super) fn next(&mut self) -> Result<Option<Exported>, Failure> {
        loop {
            self.text.clear();
            self.line += 1;
            let read = self.lines.read_line(&mut self.text).map_err(|error| self.line_error(&error))?;
            if read == 0 {
                return Ok(None);
            }
            if self.text.trim().is_empty() {
                continue;
            }
            let place: Place<'_> =
                serde_json::from_str(&self.text).map_err(|error| self.line_error(&error))?;
            if place.topic != Topic::Orders.name() {
                continue;
            }
            let entry: Entry = serde_json::from_str(&self.text).map_err(|error| self.line_error(&error))?;
            let record = entry.record().map_err(|problem| self.line_error(&problem))?;
            return Ok(Some(Exported { partition: place.partition, record, line: self.line }));
        }
    }

    /// An error about the line that was read last.
    pub(super) fn line_error(&self, problem: &dyn std::fmt::Display) -> Failure {
        Failure::usage(format!("{}, line {}: {problem}", self.name, self.line))
    }
}
