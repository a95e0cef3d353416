//! `logistics completions`

use std::io;

use clap::CommandFactory;

use crate::cli::{Cli, CompletionsArgs};
use crate::exit::Failure;

#[allow(clippy::unnecessary_wraps, reason = "the shape of every command")]
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    clap_complete::generate(args.shell, &mut Cli::command(), "logistics", &mut io::stdout());
    Ok(())
}
