//! The parts of every `main`.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Command, Parser};

use crate::environment;
use crate::exit::Failure;
use crate::logging;
use crate::output::complain;

/// How long the end waits for tasks that still run, such as a call that hangs.
const LEAVE: Duration = Duration::from_millis(500);

/// Reads the command line from these arguments, and the environment of this process. A variable with the prefix `LOGISTICS_`
/// must belong to a flag of this program or to one of `shared`, the flags of all programs.
///
/// # Errors
/// The exit code, after help or the error was printed.
pub fn parse_from<C: Parser>(program: &str, args: Vec<OsString>, shared: &Command) -> Result<C, ExitCode> {
    if let Some(unknown) = environment::unknown(&[&C::command(), shared]) {
        complain(program, &format!("there is no setting {unknown}; see {program} --help"));
        return Err(ExitCode::from(2));
    }
    C::try_parse_from(args).map_err(|error| {
        if !error.use_stderr() {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            let _ = error.print();
            return ExitCode::from(2);
        }
        complain(program, &format!("{}; see {program} --help", sentence(&error.to_string())));
        ExitCode::from(2)
    })
}

/// The error of a command line, without the usage below it.
#[must_use]
pub fn sentence(error: &str) -> String {
    let lines = error.lines().map(str::trim).take_while(|line| !line.is_empty());
    let sentence = lines.collect::<Vec<_>>().join(" ");
    sentence.trim_start_matches("error: ").trim_end_matches(':').to_owned()
}

/// Prints the error of a failed process, and returns the exit code.
pub fn end(program: &str, result: Result<(), Failure>) -> ExitCode {
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(program, &failure.message);
            failure.code()
        }
    };
    logging::flush();
    code
}

/// Runs the work on a new runtime.
///
/// # Errors
/// Those of the work, or if the runtime cannot start.
pub fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::usage(format!("cannot start: {error}")))?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(LEAVE);
    done
}
