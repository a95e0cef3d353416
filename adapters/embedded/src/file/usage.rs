//! The space that the data file uses.

use std::fs;
use std::io;
use std::path::Path;

use logistics_core::observe::StoreReading;

/// The length of the data file, and as its limit this length and the free space of its file system.
///
/// # Errors
/// The system's.
pub(crate) fn usage(file: &Path) -> io::Result<StoreReading> {
    let used = fs::metadata(file)?.len();
    let mut reading = StoreReading::default();
    reading.name = "embedded";
    reading.used_bytes = Some(used);
    reading.limit_bytes = free_bytes(file)?.map(|free| used.saturating_add(free));
    Ok(reading)
}

/// The free space for this user. `None` where the system cannot be asked.
#[cfg(unix)]
fn free_bytes(file: &Path) -> io::Result<Option<u64>> {
    let system = rustix::fs::statvfs(file)?;
    Ok(Some(system.f_bavail.saturating_mul(system.f_frsize)))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}
