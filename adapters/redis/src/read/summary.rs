//! The number of orders of each status, and the oldest of each.

use logistics_core::lifecycle::STATUSES;
use logistics_core::port::StatusSummary;
use logistics_core::{Partition, Timestamp};

use crate::error::RedisStoreError;
use crate::keys::Keys;
use crate::read::lookup::millis;
use crate::script::SUMMARY;
use crate::server::connection::Conn;

/// The orders of each status in all partitions, in one round trip. Each partition is read at one instant, so that an order that moves
/// counts once.
pub(crate) async fn summary(
    conn: &mut Conn,
    keys: Keys,
    partitions: u32,
) -> Result<Vec<StatusSummary>, RedisStoreError> {
    let sets = |partition| STATUSES.iter().map(|status| keys.status(partition, *status)).collect();
    let calls: Vec<_> = (0..partitions).map(|partition| (sets(Partition(partition)), Vec::new())).collect();
    let mut summaries = StatusSummary::none();
    for answer in conn.scripts::<Vec<(u64, Option<f64>)>>(&SUMMARY, &calls).await? {
        for (summary, (count, oldest)) in summaries.iter_mut().zip(answer) {
            summary.add(count, oldest.map(|score| Timestamp::from_millis(millis(score))));
        }
    }
    Ok(summaries)
}
