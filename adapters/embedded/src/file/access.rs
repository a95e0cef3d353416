//! Who may look at the data: on Unix, what the engine makes is its user's alone.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// Permissions of the data directory.
#[cfg(unix)]
const DIRECTORY_MODE: u32 = 0o700;
/// Permissions of the files in it.
#[cfg(unix)]
const FILE_MODE: u32 = 0o600;
/// Permissions of the group and of others.
#[cfg(unix)]
const FOREIGN_MODE: u32 = 0o077;

/// Makes the data directory where it is missing. One that is there stays as it is, with a line in the log where other users of
/// the machine have access to it: they see the names of the files, which are this user's alone.
pub(super) fn make_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        if let Some(mode) = foreign_access(path)? {
            tracing::debug!(
                directory = %path.display(),
                mode = format_args!("{mode:03o}"),
                "other users may list the data directory; its files are this user's alone"
            );
        }
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    make_private(path)
}

/// How to open a file that only this user may look at.
#[cfg(unix)]
pub(super) fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// How to open a file: its directory decides who may look at it.
#[cfg(not(unix))]
pub(super) fn private() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    // Recursive, so that one that another process has made meanwhile will do.
    fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// The permissions of a directory to which other users have access.
#[cfg(unix)]
fn foreign_access(path: &Path) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & FOREIGN_MODE != 0).then_some(mode))
}

/// Unix permissions are unknown here.
#[cfg(not(unix))]
fn foreign_access(_: &Path) -> io::Result<Option<u32>> {
    Ok(None)
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_directory_that_is_there_keeps_its_permissions_and_is_reported_if_others_have_access() {
        let directory = tempfile::tempdir().unwrap();
        for (permissions, reported) in [(0o755, Some(0o755)), (0o750, Some(0o750)), (0o700, None)] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(permissions)).unwrap();
            assert_eq!(foreign_access(directory.path()).unwrap(), reported);
            make_directory(directory.path()).unwrap();
            assert_eq!(mode(directory.path()), permissions);
        }
    }
}
