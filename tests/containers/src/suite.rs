//! Tests that are ignored where there is no Docker engine.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Trial};
use testcontainers_modules::testcontainers::bollard::Docker;
use tokio::runtime::Runtime;

/// Whatever a test waits for is there by then, or never comes.
const PATIENCE: Duration = Duration::from_secs(120);

/// Tests, as a target with `harness = false` runs them.
pub struct Suite {
    arguments: Arguments,
    trials: Vec<Trial>,
    ignored: bool,
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
        let required = std::env::var("REQUIRE_CONTAINERS").is_ok_and(|required| required == "1");
        let mut arguments = Arguments::from_args();
        // Each holds a broker; side by side they would only wait for each other.
        arguments.test_threads = arguments.test_threads.or(Some(1));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
        let ignored = !required && !runtime.block_on(docker_answers());
        Self { arguments, trials: Vec::new(), ignored, runtime }
    }

    /// Adds a test, which fails by panicking.
    #[must_use]
    pub fn test<F: Future<Output = ()>>(
        mut self,
        name: &str,
        test: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let runtime = self.runtime.handle().clone();
        let trial = Trial::test(name, move || {
            runtime.block_on(test());
            Ok(())
        });
        self.trials.push(trial.with_ignored_flag(self.ignored));
        self
    }

    /// Adds a test that runs only when asked for with `--ignored`. `why`: for whoever reads the code.
    #[must_use]
    pub fn test_on_demand<F: Future<Output = ()>>(
        mut self,
        name: &str,
        why: &str,
        test: impl FnOnce() -> F + Send + 'static,
    ) -> Self {
        let _ = why;
        let ignored = std::mem::replace(&mut self.ignored, true);
        self = self.test(name, test);
        self.ignored = ignored;
        self
    }

    /// Runs them.
    #[must_use]
    pub fn run(self) -> ExitCode {
        let _entered = self.runtime.enter();
        libtest_mimic::run(&self.arguments, self.trials).exit_code()
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
