//! `logistics top`: the state of one or many processes, from their metrics and the API.

mod args;
mod keys;
mod late;
mod live;
mod model;
mod once;
mod parse;
mod process;
mod samples;
mod scrape;
mod sources;
mod terminal;
mod text;
mod view;

use logistics_cli_kit::{EndsAtOnce, Failure, output};

pub(crate) use args::TopArgs;

/// Shows the view until the operator quits, or prints it once.
pub(crate) async fn run(args: TopArgs) -> Result<(), Failure> {
    if args.once {
        let _ends = EndsAtOnce::listen()?;
        return once::run(&args).await;
    }
    if !output::is_terminal() {
        return Err(Failure::usage(
            "standard output is no terminal: use --once for one view, or --once --json for a document",
        ));
    }
    live::run(&args).await
}
