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

/// Prints the completion script of this command line.
#[allow(clippy::unnecessary_wraps, reason = "the signature of every command")]
pub(crate) fn run(args: &CompletionsArgs, mut command_line: Command) -> Result<(), Failure> {
    // `generate` panics on a closed standard output, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command_line, "logistics", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
