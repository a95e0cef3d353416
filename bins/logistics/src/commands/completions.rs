//! `logistics completions`

use clap::{Args, Command};

use logistics_cli_kit::Failure;
use logistics_cli_kit::output;

/// Flags of `completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Prints the completions of this command line.
#[allow(clippy::unnecessary_wraps, reason = "the shape of every command")]
pub(crate) fn run(args: &CompletionsArgs, mut command_line: Command) -> Result<(), Failure> {
    // Not to standard output at once: there it would panic where nobody reads it any more.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command_line, "logistics", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
