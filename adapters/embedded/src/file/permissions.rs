//! Permissions: on Unix, only the engine's user has access to the directories and files that it creates.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;

/// Permissions of the data directory.
#[cfg(unix)]
const DIRECTORY_MODE: u32 = 0o700;
/// Permissions of its files.
#[cfg(unix)]
const FILE_MODE: u32 = 0o600;
/// Permissions of the group and of others.
#[cfg(unix)]
const OTHER_USERS_MODE: u32 = 0o077;

/// Creates the data directory if it is missing. An existing one keeps its permissions; if other users have access to it, the log
/// says so. They can list the names of its files, not read them.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        if let Some(mode) = access_of_other_users(path)? {
            tracing::debug!(
                directory = %path.display(),
                mode = format_args!("{mode:03o}"),
                "other users may list the data directory; only this user may read its files"
            );
        }
        return Ok(());
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)?;
    }
    create_private_directory(path)
}

/// Options that create a file to which only this user has access.
#[cfg(unix)]
pub(super) fn private_file() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;

    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// Options that create a file. Its directory determines the access to it.
#[cfg(not(unix))]
pub(super) fn private_file() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn create_private_directory(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    // Recursive, so that a directory which another process has created meanwhile is no error.
    fs::DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)
}

#[cfg(not(unix))]
fn create_private_directory(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// The permissions of a directory if other users have access to it.
#[cfg(unix)]
fn access_of_other_users(path: &Path) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt;

    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & OTHER_USERS_MODE != 0).then_some(mode))
}

/// Unknown without Unix permissions.
#[cfg(not(unix))]
fn access_of_other_users(_: &Path) -> io::Result<Option<u32>> {
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
    fn an_existing_directory_keeps_its_permissions_and_is_reported_if_others_have_access() {
        let directory = tempfile::tempdir().unwrap();
        for (permissions, reported) in [(0o755, Some(0o755)), (0o750, Some(0o750)), (0o700, None)] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(permissions)).unwrap();
            assert_eq!(access_of_other_users(directory.path()).unwrap(), reported);
            create_directory(directory.path()).unwrap();
            assert_eq!(mode(directory.path()), permissions);
        }
    }
}
