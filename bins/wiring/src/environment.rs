//! Settings from the environment: every flag has a variable, and a variable that no flag knows is a mistake.

use std::collections::BTreeSet;

use clap::{Args, Command};

use crate::front::HttpArgs;
use crate::limits::{ClockArgs, MemoryArgs};
use crate::log_key::LogKeyArgs;
use crate::logging::LogArgs;
use crate::notify::NotifyArgs;
use crate::policy::PolicyArgs;

const PREFIX: &str = "LOGISTICS_";

/// The first variable with our prefix that no flag of any subcommand knows, and none of the flags that the programs share:
/// one set of variables serves them all, so what only another of them reads is no mistake.
pub(crate) fn unknown(command: &Command) -> Option<String> {
    let mut known = BTreeSet::new();
    collect(command, &mut known);
    collect(&shared(), &mut known);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with(PREFIX)).find(|name| !known.contains(name))
}

fn shared() -> Command {
    let command = LogArgs::augment_args(PolicyArgs::augment_args(Command::new("shared")));
    let command = LogKeyArgs::augment_args(MemoryArgs::augment_args(ClockArgs::augment_args(command)));
    let command = NotifyArgs::augment_args(HttpArgs::augment_args(command));
    let command = crate::instance::InstanceArgs::augment_args(command);
    #[cfg(feature = "cluster")]
    let command = crate::cluster::ClusterArgs::augment_args(command);
    command
}

fn collect(command: &Command, known: &mut BTreeSet<String>) {
    let names = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str());
    known.extend(names.map(str::to_owned));
    command.get_subcommands().for_each(|subcommand| collect(subcommand, known));
}
