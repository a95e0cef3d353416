//! The limit of open files, which a process with many partitions can reach.

use logistics_core::port::{PortError, PortErrorKind};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process's limit of open files to `needed`, if it is lower.
///
/// # Errors
/// `Refused` if the system's limit is lower.
pub(super) fn provide(needed: u64, partitions: u32) -> Result<(), PortError> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let permitted = maximum.is_none_or(|maximum| maximum >= needed);
    // Not higher than needed: some programs iterate over all numbers below the limit.
    if permitted && setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum }).is_ok() {
        tracing::info!(needed, before = current, "raised the limit of open files");
        return Ok(());
    }
    Err(PortError::new(PortErrorKind::Refused, too_few(current.unwrap_or_default(), needed, partitions)))
}

fn too_few(current: u64, needed: u64, partitions: u32) -> String {
    format!(
        "this process may have {current} files open and needs {needed} for {partitions} partitions: raise the limit with `ulimit -n \
         {needed}` (`LimitNOFILE=` in a unit of systemd, `ulimits: nofile` in compose)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit is shared by the process, so one test covers both cases in order.
    #[test]
    fn the_limit_is_raised_up_to_the_systems_maximum() {
        let before = getrlimit(Resource::Nofile);
        let maximum = before.maximum.unwrap_or(1 << 20);
        let low = Rlimit { current: Some(256), maximum: before.maximum };
        setrlimit(Resource::Nofile, low).expect("a process may lower its limit");
        provide(200, 12).expect("it suffices");
        assert_eq!(getrlimit(Resource::Nofile).current, Some(256), "nothing to raise");
        provide(512, 12).expect("it is raised");
        assert_eq!(getrlimit(Resource::Nofile).current, Some(512));
        if before.maximum.is_some() {
            let refused = provide(maximum + 1, 1024).expect_err("the system does not let it");
            assert_eq!(refused.kind(), PortErrorKind::Refused);
            let needed = maximum + 1;
            let expected = [
                format!("may have 512 files open and needs {needed} for 1024 partitions"),
                format!("`ulimit -n {needed}`"),
            ];
            for part in expected {
                assert!(refused.to_string().contains(&part), "{part:?} is not in {refused}");
            }
        }
        setrlimit(Resource::Nofile, before).expect("as it was");
    }
}
