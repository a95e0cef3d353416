//! `logistics completions`

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use logistics_cli_kit::Failure;
use logistics_cli_kit::output;

#[allow(clippy::unnecessary_wraps, reason = "the shape of every command")]
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    // Not to standard output at once: there it would panic where nobody reads it any more.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "logistics", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
