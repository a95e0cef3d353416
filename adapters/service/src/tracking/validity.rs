//! Whether a link still shows its order.

use logistics_core::{Status, Timestamp, Version};
use serde::Deserialize;

use super::claims::Claims;

/// The part of a document that decides.
#[derive(Deserialize)]
struct Outline {
    status: Status,
    updated_at: Timestamp,
    #[serde(default)]
    tracking_epoch: Option<Version>,
}

impl Claims {
    /// Whether the link shows the order with this document at the time `now`: it has not expired, no fact has revoked it, and the
    /// order did not end longer ago than `ended_ms_max`.
    pub(crate) fn shows(&self, json: &[u8], now: Timestamp, ended_ms_max: u64) -> serde_json::Result<bool> {
        let Outline { status, updated_at, tracking_epoch } = serde_json::from_slice(json)?;
        let revoked = tracking_epoch.unwrap_or_default() != self.epoch;
        // A terminal status is the last fact of an order.
        let ended = status.is_terminal() && updated_at.after_millis(ended_ms_max) <= now;
        Ok(!revoked && !ended && now < self.expires_at)
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::OrderId;

    use super::super::LinkId;
    use super::*;

    fn shows(document: &str, epoch: u64, now: i64) -> bool {
        let claims = Claims {
            order_id: OrderId::parse("o-1").unwrap(),
            expires_at: Timestamp::from_millis(9000),
            epoch: Version(epoch),
            link_id: LinkId::new([0; 8]),
        };
        claims.shows(document.as_bytes(), Timestamp::from_millis(now), 2000).unwrap()
    }

    #[test]
    fn a_link_ends_with_its_time_a_revocation_or_the_order() {
        let running = r#"{"status":"PREPARING","updated_at":"1970-01-01T00:00:01Z"}"#;
        assert!(shows(running, 0, 8999) && !shows(running, 0, 9000) && !shows(running, 1, 8999));
        let revoked = running.replace('}', r#","tracking_epoch":5}"#);
        assert!(!shows(&revoked, 0, 2000) && !shows(&revoked, 4, 2000) && shows(&revoked, 5, 2000));
        let ended = running.replace("PREPARING", "DELIVERED");
        assert!(shows(&ended, 0, 2999) && !shows(&ended, 0, 3000));
    }
}
