//! The commands that ask a server: a client of its HTTP API.

pub(crate) mod advance;
pub(crate) mod api;
pub(crate) mod cancel;
pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod place;
pub(crate) mod show;

use clap::Args;

use api::Api;
use logistics_cli_kit::BaseUrl;

/// Flags of every command that asks a server.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClientArgs {
    /// Where the API is
    #[arg(long, env = "LOGISTICS_URL", default_value = BaseUrl::DEFAULT)]
    pub(crate) url: BaseUrl,
    /// The server's JSON, one document a line, instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

impl ClientArgs {
    /// A client of that server.
    pub(crate) fn api(&self) -> Api {
        Api::new(self.url.clone())
    }
}
