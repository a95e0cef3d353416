//! Reads the command line and the environment. The variables of the programs' shared flags are known to every program.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, Command, Parser};
use logistics_cli_kit::{AuditArgs, LogArgs};

use crate::deciding::DecidingArgs;
use crate::email::EmailFlags;
use crate::http_server::HttpArgs;
use crate::instance::InstanceArgs;
use crate::notify::NotifyArgs;
use crate::telemetry::TelemetryArgs;
use crate::webhook_delivery::WebhookDeliveryArgs;

/// Reads the command line and the environment of this process.
///
/// # Errors
/// The exit code, after help or the error was printed.
pub fn parse<C: Parser>(program: &str) -> Result<C, ExitCode> {
    parse_from(program, std::env::args_os().collect())
}

/// Like [`parse`], with these arguments. One set of variables serves all programs, so variables used only by other programs are
/// ignored.
///
/// # Errors
/// As for [`parse`].
pub fn parse_from<C: Parser>(program: &str, args: Vec<OsString>) -> Result<C, ExitCode> {
    logistics_cli_kit::parse_from(program, args, &shared())
}

fn shared() -> Command {
    let command = LogArgs::augment_args(DecidingArgs::augment_args(Command::new("shared")));
    let command = NotifyArgs::augment_args(HttpArgs::augment_args(command));
    let command = AuditArgs::augment_args(InstanceArgs::augment_args(command));
    let command = WebhookDeliveryArgs::augment_args(TelemetryArgs::augment_args(command));
    let command = EmailFlags::augment_args(command);
    #[cfg(feature = "cluster")]
    let command = crate::cluster::ClusterArgs::augment_args(command);
    command
}
