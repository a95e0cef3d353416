//! The file of the audit trail. The usual tools rotate it: the file is opened again when its path names another file.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// How often the path is compared with the open file.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// The trail names callers and orders, so other users may not read it.
const MODE: u32 = 0o600;

/// A file to which lines are appended. A line is written by one call before the request is answered; it is never dropped while the
/// disk accepts it.
pub(super) struct AuditFile {
    path: PathBuf,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    checked: Instant,
}

impl AuditFile {
    /// Opens the file, and creates it if it is absent.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let open = Open { file: append_to(path)?, checked: Instant::now() };
        Ok(Self { path: path.to_owned(), open: Mutex::new(open) })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(MODE).open(path)
}

impl Open {
    /// Opens the path again if it names another file, or none. A failure keeps the open file, which loses no line.
    fn follow(&mut self, path: &Path) {
        self.checked = Instant::now();
        let named = std::fs::metadata(path).map(|named| (named.dev(), named.ino())).ok();
        let open = self.file.metadata().map(|open| (open.dev(), open.ino())).ok();
        if named != open
            && let Ok(file) = append_to(path)
        {
            self.file = file;
        }
    }
}

/// One line of the trail.
pub(super) struct Line<'a>(&'a AuditFile);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut open = self.0.lock();
        if open.checked.elapsed() >= CHECK_EVERY {
            open.follow(&self.0.path);
        }
        open.file.write_all(line)?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for AuditFile {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_file_is_followed_and_a_truncated_one_is_continued() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, rotated) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
        let audit = AuditFile::open(&path).expect("a file");
        let write = |line: &str| audit.make_writer().write_all(line.as_bytes()).expect("written");
        let expire_check = || audit.lock().checked = Instant::now() - CHECK_EVERY;
        write("1\n");
        std::fs::rename(&path, &rotated).expect("renamed");
        write("2\n");
        expire_check();
        write("3\n");
        let read = |path: &Path| std::fs::read_to_string(path).expect("a file");
        assert_eq!((read(&rotated), read(&path)), ("1\n2\n".to_owned(), "3\n".to_owned()));
        // The way of copytruncate.
        std::fs::File::create(&path).expect("truncated");
        expire_check();
        write("4\n");
        assert_eq!(read(&path), "4\n");
        assert_eq!(std::fs::metadata(&rotated).expect("a file").mode() & 0o777, MODE);
    }
}
