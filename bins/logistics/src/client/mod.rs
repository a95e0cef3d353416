//! The commands that call the HTTP API of a server.

pub(crate) mod advance;
pub(crate) mod api;
pub(crate) mod assign;
pub(crate) mod cancel;
pub(crate) mod events;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod place;
pub(crate) mod show;

use clap::Args;

use api::Api;
use logistics_cli_kit::BaseUrl;

/// Flags of every command that calls a server.
#[derive(Args, Debug, Clone)]
pub(crate) struct ClientArgs {
    /// The URL of the API
    #[arg(long, env = "LOGISTICS_URL", default_value = BaseUrl::DEFAULT)]
    pub(crate) url: BaseUrl,
    /// Print the server's JSON instead of a table, one document per line
    #[arg(long)]
    pub(crate) json: bool,
}

impl ClientArgs {
    /// A client of the server.
    pub(crate) fn api(&self) -> Api {
        Api::new(self.url.clone())
    }
}
