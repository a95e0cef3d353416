//! `logistics tracking-link`

use clap::Args;
use logistics_cli_kit::{BaseUrl, Failure, Span, output};
use logistics_core::text::Escaped;
use logistics_core::{OrderId, Version};
use serde::Deserialize;
use serde_json::json;

use super::{ClientArgs, api};

/// Flags of `tracking-link`.
#[derive(Args, Debug)]
pub(crate) struct TrackingLinkArgs {
    /// The order
    #[arg(value_name = "ORDER_ID")]
    order_id: OrderId,
    /// Time for which the link is valid [default: the server's]
    #[arg(long, value_name = "TIME", conflicts_with = "revoke")]
    ttl: Option<Span>,
    /// Revoke every link of the order that exists, instead of making one
    #[arg(long)]
    revoke: bool,
    /// Revoke only if the order has this version
    #[arg(long, value_name = "VERSION", requires = "revoke")]
    if_version: Option<u64>,
    #[command(flatten)]
    client: ClientArgs,
}

/// The part of a link that the command prints.
#[derive(Deserialize)]
pub(crate) struct Link {
    url: String,
}

impl Link {
    /// The link as an absolute URL. A relative one is relative to the server.
    pub(crate) fn address(&self, base: &BaseUrl) -> String {
        match self.url.strip_prefix('/') {
            Some(path) => format!("{}/{path}", base.to_string().trim_end_matches('/')),
            None => self.url.clone(),
        }
    }
}

/// Prints a link to the tracking page of an order, or revokes its links.
pub(crate) async fn run(args: TrackingLinkArgs) -> Result<(), Failure> {
    let mut api = args.client.api()?;
    if args.revoke {
        let json = api.revoke_tracking(&args.order_id, args.if_version.map(Version)).await?;
        match args.client.json {
            true => output::json(&json),
            false => output::line(format!("every tracking link of {} is revoked", args.order_id)),
        }
        return Ok(());
    }
    let body = args.ttl.map_or(json!({}), |ttl| json!({ "ttl_s": ttl.ms / 1000 }));
    let json = api.tracking_link(&args.order_id, &body).await?;
    if args.client.json {
        output::json(&json);
    } else {
        let link: Link = api::parsed(&json)?;
        output::line(Escaped(&link.address(&args.client.server.url)).to_string());
    }
    Ok(())
}
