//! `logistics lifecycle`

use logistics_core::lifecycle::diagram;

use crate::cli::{LifecycleArgs, LifecycleFormat};
use logistics_cli_kit::Failure;
use logistics_cli_kit::output;

#[allow(clippy::unnecessary_wraps, reason = "the shape of every command")]
pub(crate) fn run(args: &LifecycleArgs) -> Result<(), Failure> {
    let text = match args.format {
        LifecycleFormat::Table => diagram::table(),
        LifecycleFormat::Mermaid => diagram::mermaid(),
        LifecycleFormat::Dot => diagram::dot(),
        LifecycleFormat::Json => diagram::json(),
    };
    output::line(text.trim_end());
    Ok(())
}
