//! `logistics list`

use clap::Args;
use logistics_core::limits::PAGE_ORDERS_MAX;
use logistics_core::{Order, Status};
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
    let mut cursor = None;
    loop {
        let json = api.get(&path(args.status, cursor.as_deref(), left)).await?;
        let Page { orders, next_cursor } = api::parsed(&json)?;
        left = left.saturating_sub(orders.len() as u64);
        if args.client.json {
            if !print_json(&orders)? {
                return Ok(());
            }
        } else {
            print_table(&orders, cursor.is_none())?;
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

fn path(status: Option<Status>, cursor: Option<&str>, left: u64) -> String {
    let mut path = format!("/orders?limit={}", left.min(PAGE_ORDERS_MAX as u64));
    if let Some(status) = status {
        path += &format!("&status={status}");
    }
    if let Some(cursor) = cursor {
        // A cursor of the server has no character that a query must escape.
        path += &format!("&cursor={cursor}");
    }
    path
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

fn print_table(orders: &[&RawValue], first: bool) -> Result<(), Failure> {
    let orders: Vec<Order> =
        orders.iter().map(|json| api::order(json.get().as_bytes())).collect::<Result<_, _>>()?;
    if !orders.is_empty() {
        output::line(show::orders(&orders));
    } else if first {
        output::line("No orders found.");
    }
    Ok(())
}
