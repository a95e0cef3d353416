//! Settings from the environment: every flag has a variable, and a variable that no flag knows is a mistake.

use std::collections::BTreeSet;

use clap::Command;

const PREFIX: &str = "LOGISTICS_";

/// The first variable with our prefix that no flag of any subcommand of `commands` knows.
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
