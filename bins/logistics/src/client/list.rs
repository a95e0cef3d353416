//! `logistics list`

use clap::Args;
use logistics_core::limits::PAGE_ORDERS_MAX;
use logistics_core::{Order, PartyId, Status, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ClientArgs, api, show};
use crate::names;
use logistics_cli_kit::Failure;
use logistics_cli_kit::output::{self, Lines};
use logistics_core::text::escaped_json;

/// Flags of `list`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Only orders in this status
    #[arg(long, value_parser = names::status(), ignore_case = true)]
    status: Option<Status>,
    /// Only orders of this customer
    #[arg(long, value_name = "ID", group = "party")]
    customer: Option<PartyId>,
    /// Only orders of this merchant
    #[arg(long, value_name = "ID", group = "party")]
    merchant: Option<PartyId>,
    /// Only orders of this courier
    #[arg(long, value_name = "ID", group = "party")]
    courier: Option<PartyId>,
    /// Only orders whose latest change is at or after this time, for example 2026-01-31T18:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Maximum number of orders
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    /// List all orders
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    orders: Vec<&'a RawValue>,
    next_cursor: Option<String>,
}

/// Prints orders page by page, so that a long list fits in memory.
pub(crate) async fn run(args: ListArgs) -> Result<(), Failure> {
    let mut api = args.client.api()?;
    let mut left = if args.all { u64::MAX } else { args.limit };
    let (mut cursor, mut found) = (None, false);
    loop {
        let json = api.get(&args.path(cursor.as_deref(), left)).await?;
        let Page { orders, next_cursor } = api::parsed(&json)?;
        left = left.saturating_sub(orders.len() as u64);
        if args.client.json {
            if !print_json(&orders)? {
                return Ok(());
            }
        } else {
            found |= !orders.is_empty();
            // A page may be empty although another one follows.
            print_table(&orders, !found && next_cursor.is_none())?;
        }
        cursor = next_cursor;
        if cursor.is_none() || left == 0 {
            break;
        }
    }
    if cursor.is_some() && !args.client.json {
        output::line("There are more orders: --all lists all of them.");
    }
    Ok(())
}

impl ListArgs {
    fn path(&self, cursor: Option<&str>, left: u64) -> String {
        let limit = left.min(PAGE_ORDERS_MAX as u64);
        let parameters = [
            ("limit", Some(limit.to_string())),
            ("status", self.status.map(|status| status.to_string())),
            ("customer_id", self.customer.as_ref().map(ToString::to_string)),
            ("merchant_id", self.merchant.as_ref().map(ToString::to_string)),
            ("courier_id", self.courier.as_ref().map(ToString::to_string)),
            ("since", self.since.map(|since| since.to_string())),
            ("cursor", cursor.map(ToOwned::to_owned)),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters.into_iter().filter_map(|(name, value)| Some((name, value?))));
        format!("/orders?{}", query.finish())
    }
}

/// Returns whether standard output is still open.
fn print_json(orders: &[&RawValue]) -> Result<bool, Failure> {
    let mut lines = Lines::stdout();
    for order in orders {
        if !lines.write(&escaped_json(order.get()))? {
            return Ok(false);
        }
    }
    lines.flush()
}

fn print_table(orders: &[&RawValue], none: bool) -> Result<(), Failure> {
    let orders: Vec<Order> =
        orders.iter().map(|json| api::order(json.get().as_bytes())).collect::<Result<_, _>>()?;
    if !orders.is_empty() {
        output::line(show::orders(&orders));
    } else if none {
        output::line("No orders found.");
    }
    Ok(())
}
