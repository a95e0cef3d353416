//! The commands that call the HTTP API of a server.

pub(crate) mod advance;
pub(crate) mod api;
pub(crate) mod assign;
pub(crate) mod cancel;
pub(crate) mod event_source;
pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod place;
pub(crate) mod show;
mod trace;
pub(crate) mod tracking_link;
pub(crate) mod webhooks;

use clap::Args;

use api::Api;
use logistics_cli_kit::{Access, AccessArgs, BaseUrl, Failure, output};

/// Flags of every command that calls a server.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClientArgs {
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Print the server's JSON instead of a table, one document per line
    #[arg(long)]
    pub(crate) json: bool,
    /// Start a recorded trace, send it with each request, and print its id to standard error
    #[arg(long)]
    pub(crate) trace: bool,
}

/// The server, and how to call it.
#[derive(Args, Debug, Clone)]
pub(crate) struct ServerArgs {
    /// The URL of the API
    #[arg(long, env = "LOGISTICS_URL", default_value = BaseUrl::DEFAULT)]
    pub(crate) url: BaseUrl,
    #[command(flatten)]
    pub(crate) access: AccessArgs,
}

impl ClientArgs {
    /// A client of the server.
    ///
    /// # Errors
    /// If the token or the authorities cannot be read.
    pub(crate) fn api(&self) -> Result<Api, Failure> {
        let api = self.server.api()?;
        if !self.trace {
            return Ok(api);
        }
        let trace = trace::start();
        output::note(&format!("trace {}", trace.trace_id_hex()));
        Ok(api.with_trace(trace.to_traceparent()))
    }
}

impl ServerArgs {
    /// A client of the server.
    ///
    /// # Errors
    /// If the token or the authorities cannot be read.
    pub(crate) fn api(&self) -> Result<Api, Failure> {
        Ok(Api::new(self.url.clone(), self.access()?))
    }

    /// The access for clients of the server.
    ///
    /// # Errors
    /// If the token or the authorities cannot be read.
    pub(crate) fn access(&self) -> Result<Access, Failure> {
        self.access.access(self.url.is_secure())
    }
}
