//! Two releases in one process, for tests of the project: this one, and the one before it, which knows the status `LOST` and
//! has no transition to it.

use std::cell::Cell;

use super::{Status, Transition};

thread_local! {
    static KNOWS_ONLY: Cell<bool> = const { Cell::new(false) };
}

/// Sets the release back to what it was, also where the work panics.
struct Before(bool);

impl Drop for Before {
    fn drop(&mut self) {
        KNOWS_ONLY.set(self.0);
    }
}

/// Runs `work` as the release that knows `LOST` and does not allow it. Counts for this thread, while `work` runs.
pub fn knowing_only<T>(work: impl FnOnce() -> T) -> T {
    let _before = Before(KNOWS_ONLY.replace(true));
    work()
}

pub(super) fn has(row: &Transition) -> bool {
    row.to != Status::Lost || !KNOWS_ONLY.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_that_only_knows_the_status_has_no_transition_to_it() {
        assert!(Status::Lost.is_reachable());
        assert!(knowing_only(|| Status::Lost.is_terminal() && !Status::Lost.is_reachable()));
        assert!(Status::Lost.is_reachable());
    }
}
