//! The release that a process runs.

/// The release that a process runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Release {
    /// This build.
    #[default]
    This,
    /// The release before, which knows the status `LOST` and does not allow it.
    #[cfg(feature = "allows-lost")]
    Before,
}

impl Release {
    /// Runs `work` as this release.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        match self {
            Release::This => work(),
            #[cfg(feature = "allows-lost")]
            Release::Before => logistics_core::lifecycle::release::knowing_only(work),
        }
    }
}
