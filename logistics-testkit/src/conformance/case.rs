//! Cases and reports, shared by the suites.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::time::Duration;

use futures::future::{BoxFuture, LocalBoxFuture};
use futures::stream::{self, StreamExt};

use crate::executor::{First, race};

/// Pauses before a case that waits fails: a minute, with pauses of 50 ms. A broker needs many seconds to detect that a
/// member has gone.
pub const PAUSES_MAX: u32 = 1200;

/// Pauses without the event that must not occur.
const PAUSES_OF_NOTHING: u32 = 3;

/// The length of a pause, unless the harness has its own.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// The pause of a suite's harness.
pub(super) trait Pauses {
    fn pause_once(&self) -> BoxFuture<'_, ()>;
}

/// What a suite did. A case that fails panics, so there is no list of those.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Report {
    /// The suite's name.
    pub suite: &'static str,
    /// The cases that passed, by name.
    pub passed: Vec<&'static str>,
    /// The cases that were skipped, by name, and the capability that they need.
    pub skipped: Vec<(&'static str, &'static str)>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} cases passed, {} skipped", self.suite, self.passed.len(), self.skipped.len())?;
        self.skipped.iter().try_for_each(|(case, needed)| write!(f, "\n  {case} needs `{needed}`"))
    }
}

/// One case: its name for messages, and a harness of its own.
pub(super) struct Case<H: ?Sized> {
    pub(super) name: &'static str,
    pub(super) harness: Box<H>,
}

impl<H: Pauses + ?Sized> Case<H> {
    /// Waits for a future that must end.
    pub(super) async fn soon<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        match race(future, self.pauses(PAUSES_MAX)).await {
            First::Left(output) => output,
            First::Right(()) => panic!("case `{}`: timed out waiting for {what}", self.name),
        }
    }

    /// Waits for a future that must succeed.
    pub(super) async fn works<T, E: Error>(
        &self,
        what: &str,
        future: impl Future<Output = Result<T, E>>,
    ) -> T {
        match self.soon(what, future).await {
            Ok(output) => output,
            Err(error) => panic!("case `{}`: {what} failed: {error}", self.name),
        }
    }

    /// Checks that the future waits for a while, then drops it: that cancels the wait.
    pub(super) async fn waits<T: fmt::Debug>(&self, what: &str, future: impl Future<Output = T>) {
        if let First::Left(output) = race(future, self.pauses(PAUSES_OF_NOTHING)).await {
            panic!("case `{}`: {what} must wait, but returned {output:?}", self.name);
        }
    }

    /// Fails the case unless both are the same.
    pub(super) fn same<T: PartialEq + fmt::Debug>(&self, what: &str, found: &T, wanted: &T) {
        assert!(found == wanted, "case `{}`: {what}: found {found:?}, wanted {wanted:?}", self.name);
    }

    /// Fails the case unless the condition holds.
    pub(super) fn holds(&self, what: &str, holds: bool) {
        assert!(holds, "case `{}`: not satisfied: {what}", self.name);
    }

    async fn pauses(&self, pauses: u32) {
        for _ in 0..pauses {
            self.harness.pause_once().await;
        }
    }
}

/// The name of a case that passed, or of one that was skipped, with the capability that it needs.
pub(super) type Ran = Result<&'static str, (&'static str, &'static str)>;

/// Runs cases, `$side_by_side` at a time, each on its own harness. A case that needs a capability is skipped where the adapter
/// lacks it.
macro_rules! run_cases {
    (
        $suite:literal, $side_by_side:expr, $fresh:expr,
        $($module:ident::$case:ident $(needs $capability:ident)?),+ $(,)?
    ) => {{
        let fresh = &$fresh;
        let cases: Vec<futures::future::LocalBoxFuture<'_, $crate::conformance::case::Ran>> = vec![$(
            Box::pin(async {
                let (name, harness) = (stringify!($case), Box::new(fresh().await));
                $(
                    if !harness.capabilities().$capability {
                        return Err((name, stringify!($capability)));
                    }
                )?
                $module::$case($crate::conformance::case::Case { name, harness }).await;
                Ok(name)
            })
        ),+];
        $crate::conformance::case::report($suite, cases, $side_by_side).await
    }};
}
pub(super) use run_cases;

/// Runs this number of cases at a time. The report lists them in the order of the suite.
pub(super) async fn report(
    suite: &'static str,
    cases: Vec<LocalBoxFuture<'_, Ran>>,
    side_by_side: NonZeroUsize,
) -> Report {
    let mut report = Report { suite, passed: Vec::new(), skipped: Vec::new() };
    let mut cases = stream::iter(cases).buffered(side_by_side.get());
    while let Some(ran) = cases.next().await {
        match ran {
            Ok(name) => report.passed.push(name),
            Err(skipped) => report.skipped.push(skipped),
        }
    }
    report
}
