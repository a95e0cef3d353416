//! `logistics lifecycle`

use clap::{Args, ValueEnum};
use logistics_core::lifecycle::diagram;

use logistics_cli_kit::Failure;
use logistics_cli_kit::output;

/// Flags of `lifecycle`.
#[derive(Args, Debug)]
pub(crate) struct LifecycleArgs {
    /// Print a Markdown table, a Mermaid or Graphviz DOT diagram, or JSON
    #[arg(long, value_enum, default_value_t = LifecycleFormat::Table)]
    format: LifecycleFormat,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum LifecycleFormat {
    Table,
    Mermaid,
    Dot,
    Json,
}

#[allow(clippy::unnecessary_wraps, reason = "the signature of every command")]
pub(crate) fn run(args: &LifecycleArgs) -> Result<(), Failure> {
    let text = match args.format {
        LifecycleFormat::Table => format!("{}\n{}", diagram::table(), diagram::assignment_table()),
        LifecycleFormat::Mermaid => diagram::mermaid(),
        LifecycleFormat::Dot => diagram::dot(),
        LifecycleFormat::Json => diagram::json(),
    };
    output::line(text.trim_end());
    Ok(())
}
