//! What a tracking link says, and its bytes.

use std::fmt;

use logistics_core::{OrderId, Timestamp, Version};

/// The first byte of a token. Another layout gets another number.
const LAYOUT: u8 = 1;
const LINK_ID_BYTES: usize = 8;
/// The layout, the expiry, the epoch and the id of the link. The order's id is not in the token but under its signature.
pub(super) const CLAIMS_BYTES: usize = 1 + 8 + 8 + LINK_ID_BYTES;

/// The id of a tracking link, 16 hexadecimal digits. It is no secret: logs and the audit trail name the link by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkId([u8; LINK_ID_BYTES]);

impl LinkId {
    /// The link with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; LINK_ID_BYTES]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What a tracking link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claims {
    /// The order that the link shows.
    pub(crate) order_id: OrderId,
    /// The link ends at this time, in whole seconds.
    pub(crate) expires_at: Timestamp,
    /// The order's epoch when the link was made; 0 if no fact had revoked links.
    pub(crate) epoch: Version,
    pub(crate) link_id: LinkId,
}

impl Claims {
    pub(super) fn to_bytes(&self) -> [u8; CLAIMS_BYTES] {
        let mut bytes = [0; CLAIMS_BYTES];
        let seconds = self.expires_at.as_millis() / 1000;
        bytes[0] = LAYOUT;
        bytes[1..9].copy_from_slice(&seconds.to_be_bytes());
        bytes[9..17].copy_from_slice(&self.epoch.0.to_be_bytes());
        bytes[17..].copy_from_slice(&self.link_id.0);
        bytes
    }

    /// `None`: another layout, or a time that no clock has.
    pub(super) fn from_bytes(order_id: &OrderId, bytes: &[u8; CLAIMS_BYTES]) -> Option<Self> {
        let (head, link_id) = bytes.split_at(17);
        let seconds = i64::from_be_bytes(head[1..9].try_into().ok()?);
        let expires_at = Timestamp::from_millis(seconds.checked_mul(1000)?);
        (head[0] == LAYOUT).then_some(Self {
            order_id: order_id.clone(),
            expires_at,
            epoch: Version(u64::from_be_bytes(head[9..17].try_into().ok()?)),
            link_id: LinkId(link_id.try_into().ok()?),
        })
    }
}
