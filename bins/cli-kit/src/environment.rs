//! Settings from the environment: every flag has a variable, and a variable without a flag is an error.

use std::collections::BTreeSet;

use clap::Command;

const PREFIX: &str = "LOGISTICS_";

/// The first variable with the prefix that belongs to no flag of `commands` and their subcommands.
pub(crate) fn unknown(commands: &[&Command]) -> Option<String> {
    let mut known = BTreeSet::new();
    commands.iter().for_each(|command| collect(command, &mut known));
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with(PREFIX)).find(|name| !known.contains(name))
}

fn collect(command: &Command, known: &mut BTreeSet<String>) {
    let names = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str());
    known.extend(names.map(str::to_owned));
    command.get_subcommands().for_each(|subcommand| collect(subcommand, known));
}
