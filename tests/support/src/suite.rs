//! Suites whose tests are ignored if a tool that they need is absent.

use std::process::ExitCode;
use std::sync::{Arc, PoisonError, RwLock};

use libtest_mimic::{Arguments, Trial};

/// Whether this environment variable is 1, so that an absent tool is a failure.
#[must_use]
pub fn required(variable: &str) -> bool {
    std::env::var(variable).is_ok_and(|required| required == "1")
}

/// Tests, as a target with `harness = false` runs them.
pub struct Suite {
    arguments: Arguments,
    trials: Vec<Trial>,
    ignored: bool,
    /// Held for reading by tests, and for writing by a test that runs alone. Poisoning has no meaning here.
    running: Arc<RwLock<()>>,
}

impl Suite {
    /// An empty suite. `ignored`: reports its tests as ignored, because a tool is absent.
    #[must_use]
    pub fn new(ignored: bool) -> Self {
        Self { arguments: Arguments::from_args(), trials: Vec::new(), ignored, running: Arc::default() }
    }

    /// Runs this number of tests side by side, unless the command line has `--test-threads`. Without this call, tests run one
    /// after the other.
    #[must_use]
    pub fn side_by_side(mut self, tests: usize) -> Self {
        self.arguments.test_threads = self.arguments.test_threads.or(Some(tests));
        self
    }

    /// Adds a test. A panic is a failure.
    #[must_use]
    pub fn test(self, name: &str, test: impl FnOnce() + Send + 'static) -> Self {
        let running = self.running.clone();
        self.trial(name, move || {
            let _shared = running.read().unwrap_or_else(PoisonError::into_inner);
            test();
        })
    }

    /// Adds a test that runs while no other test of the suite runs: it measures time, or disturbs what the tests share.
    #[must_use]
    pub fn test_alone(self, name: &str, test: impl FnOnce() + Send + 'static) -> Self {
        let running = self.running.clone();
        self.trial(name, move || {
            let _alone = running.write().unwrap_or_else(PoisonError::into_inner);
            test();
        })
    }

    fn trial(mut self, name: &str, test: impl FnOnce() + Send + 'static) -> Self {
        let trial = Trial::test(name, move || {
            test();
            Ok(())
        });
        self.trials.push(trial.with_ignored_flag(self.ignored));
        self
    }

    /// Adds a test that runs only with `--ignored`, and alone. `why` is for readers of the code.
    #[must_use]
    pub fn test_on_demand(mut self, name: &str, why: &str, test: impl FnOnce() + Send + 'static) -> Self {
        let _ = why;
        let ignored = std::mem::replace(&mut self.ignored, true);
        self = self.test_alone(name, test);
        self.ignored = ignored;
        self
    }

    /// Runs the tests.
    #[must_use]
    pub fn run(mut self) -> ExitCode {
        self.arguments.test_threads = self.arguments.test_threads.or(Some(1));
        libtest_mimic::run(&self.arguments, self.trials).exit_code()
    }
}
