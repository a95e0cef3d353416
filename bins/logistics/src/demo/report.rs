//! The final check and the table of results.

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{ContentArrangement, Table};
use logistics_core::{OrderId, Status, Version};

use super::recorder::Observed;
use super::run_order::CompletedOrder;
use super::script::{path, rejections};
use logistics_cli_kit::Failure;

/// A width in columns that fits every terminal.
const WIDTH: u16 = 80;

/// Whether every fact of these orders was notified.
pub(super) fn all_notified(completed: &[CompletedOrder], observed: &Observed) -> bool {
    completed.iter().all(|completed| {
        let notified = observed.trace(&completed.order.order_id).map_or(0, |trace| trace.notified.len());
        notified >= completed.order.history.len()
    })
}

/// Compares the scripts, the documents of the API, the facts in the log and the notifications.
///
/// # Errors
/// The first difference.
pub(super) fn check(completed: &[CompletedOrder], observed: &Observed) -> Result<(), Failure> {
    for CompletedOrder { demo_order, order } in completed {
        let history: Vec<_> = order.history.iter().map(|entry| (entry.version, entry.status)).collect();
        let expected: Vec<_> = (1..).map(Version).zip(path(demo_order.script)).collect();
        let differs = |what: &str, found: &[(Version, Status)]| difference(&order.order_id, what, found);
        if history != expected || !order.status.is_terminal() {
            return Err(differs("has another history in the API than in its script", &history));
        }
        let trace = observed
            .trace(&order.order_id)
            .ok_or_else(|| differs("is not in the log; the API has", &history))?;
        if trace.steps != history {
            return Err(differs("has other facts in the log than in the API", &trace.steps));
        }
        let notified: Vec<_> = trace.notified.iter().copied().collect();
        if notified != history {
            return Err(differs("has other notifications than facts", &notified));
        }
    }
    let expected: usize = completed.iter().map(|completed| rejections(completed.demo_order.script)).sum();
    if observed.rejections != expected {
        let found = observed.rejections;
        return Err(Failure::refused(format!("expected {expected} rejected requests, found {found}")));
    }
    Ok(())
}

/// The table.
pub(super) fn table(completed: &[CompletedOrder]) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH).set_header([
        "Order",
        "Customer\nMerchant\nCourier",
        "Path taken",
        "Final status",
        "Time",
    ]);
    for CompletedOrder { demo_order, order } in completed {
        let parties = format!("{}\n{}\n{}", demo_order.customer, demo_order.merchant, demo_order.courier);
        let path: Vec<_> = order.history.iter().map(|entry| entry.status.name()).collect();
        #[allow(clippy::cast_precision_loss, reason = "a few seconds")]
        let seconds = order.updated_at.millis_since(order.created_at) as f64 / 1000.0;
        let time = format!("{seconds:.1} s");
        table.add_row([demo_order.title, &parties, &path.join(" → "), order.status.name(), &time]);
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
    fn an_unexpected_rejection_is_found() {
        assert!(check(&[], &Observed::default()).is_ok());
        let mut unexpected = Observed::default();
        unexpected.rejections = 1;
        assert!(check(&[], &unexpected).is_err());
    }
}
