//! What the suites have in common.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};

use crate::executor::{First, race};

/// Pauses that a case waits for what has to come before it fails: a minute, where a pause is 50 ms. A broker needs many
/// seconds to notice that a member is gone.
pub const PAUSES_MAX: u32 = 1200;

/// Pauses for which what must not come is waited for.
const PAUSES_OF_NOTHING: u32 = 3;

/// What every suite needs of its surroundings.
#[async_trait]
pub trait Harness: Send + Sync {
    /// Lets a moment pass in which other work gets done: about 50 ms where there is a clock.
    async fn pause(&self);

    /// How many cases run at the same time. More than one saves time where fixtures are independent and cases mostly wait.
    fn side_by_side(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }
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

/// One case: its name for messages, the harness, and a fixture of its own.
pub(super) struct Case<'a, F: ?Sized> {
    pub(super) name: &'static str,
    pub(super) harness: &'a dyn Harness,
    pub(super) fixture: Box<F>,
}

impl<F: ?Sized> Case<'_, F> {
    /// Waits for what has to come.
    pub(super) async fn soon<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        match race(future, self.pauses(PAUSES_MAX)).await {
            First::Left(output) => output,
            First::Right(()) => panic!("case `{}`: {what} did not come", self.name),
        }
    }

    /// Waits for what has to come and has to succeed.
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

    /// Sees that nothing comes for a while, and drops the future: the wait is cancelled.
    pub(super) async fn waits<T: fmt::Debug>(&self, what: &str, future: impl Future<Output = T>) {
        if let First::Left(output) = race(future, self.pauses(PAUSES_OF_NOTHING)).await {
            panic!("case `{}`: {what} should wait and came with {output:?}", self.name);
        }
    }

    /// Fails the case unless both are the same.
    pub(super) fn same<T: PartialEq + fmt::Debug>(&self, what: &str, found: &T, wanted: &T) {
        assert!(found == wanted, "case `{}`: {what}: found {found:?}, wanted {wanted:?}", self.name);
    }

    /// Fails the case unless it holds.
    pub(super) fn holds(&self, what: &str, holds: bool) {
        assert!(holds, "case `{}`: it does not hold that {what}", self.name);
    }

    async fn pauses(&self, pauses: u32) {
        for _ in 0..pauses {
            self.harness.pause().await;
        }
    }
}

/// Runs cases, each on its own fixture. A case that needs a capability is skipped where the adapter lacks it.
macro_rules! run_cases {
    ($suite:literal, $harness:expr, $($module:ident::$case:ident $(needs $capability:ident)?),+ $(,)?) => {{
        let mut report = $crate::conformance::Report {
            suite: $suite,
            passed: Vec::new(),
            skipped: Vec::new(),
        };
        let mut cases: Vec<futures::future::BoxFuture<'_, &'static str>> = Vec::new();
        $(
            let mut missing = None;
            $(
                if !$harness.capabilities().$capability {
                    missing = Some(stringify!($capability));
                }
            )?
            match missing.take() {
                Some(capability) => report.skipped.push((stringify!($case), capability)),
                None => cases.push(Box::pin(async {
                    let name = stringify!($case);
                    let fixture = $harness.fresh().await;
                    $module::$case($crate::conformance::case::Case { name, harness: $harness, fixture }).await;
                    name
                })),
            }
        )+
        report.passed = $crate::conformance::case::in_order(cases, $harness.side_by_side()).await;
        report
    }};
}
pub(super) use run_cases;

/// Runs so many cases at a time, and returns their names in the order of the suite.
pub(super) async fn in_order(
    cases: Vec<BoxFuture<'_, &'static str>>,
    side_by_side: NonZeroUsize,
) -> Vec<&'static str> {
    stream::iter(cases).buffered(side_by_side.get()).collect().await
}
