//! Tests that are ignored where there is no Docker engine.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use logistics_test_support::required;
use testcontainers_modules::testcontainers::bollard::Docker;
use tokio::runtime::Runtime;

/// Whatever a test waits for is there by then, or never comes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Tests, as a target with `harness = false` runs them.
pub struct Suite {
    suite: logistics_test_support::Suite,
    /// One for all of them: a container that several tests use goes with the last of them, and needs it for that.
    runtime: Runtime,
}

impl Default for Suite {
    fn default() -> Self {
        Self::new()
    }
}

impl Suite {
    /// No test yet. Asks whether a Docker engine answers.
    ///
    /// # Panics
    /// Where the system gives no runtime.
    #[must_use]
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let ignored = !required("REQUIRE_CONTAINERS") && !runtime.block_on(docker_answers());
        Self { suite: logistics_test_support::Suite::new(ignored), runtime }
    }

    /// Runs so many tests side by side, unless the command line names a number (`--test-threads`).
    #[must_use]
    pub fn side_by_side(mut self, tests: usize) -> Self {
        self.suite = self.suite.side_by_side(tests);
        self
    }

    /// Adds a test, which fails by panicking.
    #[must_use]
    pub fn test<F: Future<Output = ()>>(
        mut self,
        name: &str,
        test: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let runtime = self.runtime.handle().clone();
        self.suite = self.suite.test(name, move || runtime.block_on(test()));
        self
    }

    /// Adds a test beside which no other test of the suite runs: it measures time, or disturbs what they share.
    #[must_use]
    pub fn test_alone<F: Future<Output = ()>>(
        mut self,
        name: &str,
        test: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let runtime = self.runtime.handle().clone();
        self.suite = self.suite.test_alone(name, move || runtime.block_on(test()));
        self
    }

    /// Adds a test that runs only when asked for with `--ignored`. `why`: for readers of the code.
    #[must_use]
    pub fn test_on_demand<F: Future<Output = ()>>(
        mut self,
        name: &str,
        why: &str,
        test: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let runtime = self.runtime.handle().clone();
        self.suite = self.suite.test_on_demand(name, why, move || runtime.block_on(test()));
        self
    }

    /// Runs them.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let _entered = self.runtime.enter();
        self.suite.run()
    }
}

async fn docker_answers() -> bool {
    let asked = async { Docker::connect_with_defaults().ok()?.ping().await.ok() };
    tokio::time::timeout(Duration::from_secs(10), asked).await.is_ok_and(|answer| answer.is_some())
}

/// Looks again and again until it is so.
///
/// # Panics
/// When it never is.
pub async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !look().await {
        assert!(Instant::now() < until, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
