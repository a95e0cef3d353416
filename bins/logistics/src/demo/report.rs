//! What happened in the end: whether it is what was meant to happen, and the table of it.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use logistics_core::{OrderId, Status, Version};

use super::play::Played;
use super::script::{path, refusals};
use super::stage::Seen;
use logistics_cli_kit::Failure;

/// Columns that fit every terminal.
const WIDTH: u16 = 80;

/// Everybody was told everything about these orders.
pub(super) fn all_told(played: &[Played], seen: &Seen) -> bool {
    played.iter().all(|played| {
        let told = seen.trace(&played.order.order_id).map_or(0, |trace| trace.told.len());
        told >= played.order.history.len()
    })
}

/// Compares what was meant to happen, what the API says, what the log showed and what people were told.
///
/// # Errors
/// The first difference.
pub(super) fn check(played: &[Played], seen: &Seen) -> Result<(), Failure> {
    for Played { role, order } in played {
        let history: Vec<_> = order.history.iter().map(|entry| (entry.version, entry.status)).collect();
        let meant: Vec<_> = (1..).map(Version).zip(path(role.script)).collect();
        let differs = |what: &str, found: &[(Version, Status)]| difference(&order.order_id, what, found);
        if history != meant || !order.status.is_terminal() {
            return Err(differs("should have gone another way than the API says", &history));
        }
        let trace = seen.trace(&order.order_id).ok_or_else(|| differs("was not seen", &history))?;
        if trace.steps != history {
            return Err(differs("went another way in the log than the API says", &trace.steps));
        }
        let told: Vec<_> = trace.told.iter().copied().collect();
        if told != history {
            return Err(differs("is not what people were told about", &told));
        }
    }
    let meant: usize = played.iter().map(|played| refusals(played.role.script)).sum();
    if seen.refusals != meant {
        let found = seen.refusals;
        return Err(Failure::refused(format!("{meant} requests should have been refused, {found} were")));
    }
    Ok(())
}

/// The table.
pub(super) fn table(played: &[Played]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH).set_header([
        "Order",
        "Customer\nMerchant\nCourier",
        "Path taken",
        "Final status",
        "Time",
    ]);
    for Played { role, order } in played {
        let who = format!("{}\n{}\n{}", role.customer, role.merchant, role.courier);
        let path: Vec<_> = order.history.iter().map(|entry| entry.status.name()).collect();
        // A few seconds at most.
        #[allow(clippy::cast_precision_loss, reason = "a few seconds")]
        let seconds = order.updated_at.millis_since(order.created_at) as f64 / 1000.0;
        let time = format!("{seconds:.1} s");
        table.add_row([role.title, &who, &path.join(" → "), order.status.name(), &time]);
    }
    table.to_string()
}

fn difference(order_id: &OrderId, what: &str, found: &[(Version, Status)]) -> Failure {
    let found: Vec<_> = found.iter().map(|(version, status)| format!("{version} {status}")).collect();
    Failure::refused(format!("order {order_id} {what}: {}", found.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_nobody_meant_is_found() {
        assert!(check(&[], &Seen::default()).is_ok());
        let mut unasked = Seen::default();
        unasked.refusals = 1;
        assert!(check(&[], &unasked).is_err());
    }
}
