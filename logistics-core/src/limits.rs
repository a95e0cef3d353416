//! Every limit that a client or an operator can reach. Each name ends with its unit.

/// An order id's length.
pub const ORDER_ID_BYTES_MAX: usize = 64;
/// A request id's length.
pub const REQUEST_ID_BYTES_MAX: usize = 128;
/// The length of a customer's, merchant's or courier's id.
pub const PARTY_BYTES_MAX: usize = 128;
/// The length of the name of a subject.
pub const SUBJECT_BYTES_MAX: usize = 256;
/// A reason's length.
pub const REASON_BYTES_MAX: usize = 256;
/// The length of an e-mail address: what fits into a path of RFC 5321.
pub const EMAIL_BYTES_MAX: usize = 254;
/// The length of an e-mail address before the `@` (RFC 5321, section 4.5.3.1.1).
pub const EMAIL_LOCAL_BYTES_MAX: usize = 64;
/// The length of a label of an e-mail address's domain (RFC 1035).
pub const EMAIL_LABEL_BYTES_MAX: usize = 63;
/// The length of a language tag: the one for which RFC 5646 recommends room.
pub const LANGUAGE_BYTES_MAX: usize = 35;
/// The length of the JSON of an order's details.
pub const DETAILS_BYTES_MAX: usize = 64 * 1024;
/// Maximum nesting of the JSON of an order's details.
pub const DETAILS_DEPTH_MAX: usize = 64;
/// The length of one record of the log.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;
/// A dead letter keeps this much of the original payload. It fits into a record even if every byte is escaped.
pub const DEAD_LETTER_PAYLOAD_BYTES_MAX: usize = 32 * 1024;
/// A dead letter keeps this much of the original key.
pub const DEAD_LETTER_KEY_BYTES_MAX: usize = 1024;
/// A dead letter keeps this much of its reason.
pub const DEAD_LETTER_REASON_BYTES_MAX: usize = 2048;
/// How long the store keeps an awaited outcome.
pub const OUTCOME_KEPT_MS: u64 = 5 * 60 * 1000;
/// Orders on one page of the list.
pub const PAGE_ORDERS_MAX: usize = 1000;
/// A reactor name's length.
pub const REACTOR_NAME_BYTES_MAX: usize = 32;
/// Requests that a reactor answers to one notification.
pub const REACTIONS_MAX: usize = 8;
/// The last fact of an order to which the answer of a reactor or of a webhook counts. An order without loops has far fewer.
pub const REACTED_VERSION_MAX: u64 = 200;
/// Bytes of a webhook's reply that has requests.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;
/// A channel name's length. Brokers limit the length of a group's name, which contains it.
pub const CHANNEL_NAME_BYTES_MAX: usize = 48;
/// A webhook endpoint id's length.
pub const ENDPOINT_ID_BYTES_MAX: usize = 64;
/// The length of a webhook message's id.
pub const MESSAGE_ID_BYTES_MAX: usize = 64;
/// The length of a webhook endpoint's URL.
pub const ENDPOINT_URL_BYTES_MAX: usize = 2048;
/// The length of a webhook endpoint's description.
pub const ENDPOINT_DESCRIPTION_BYTES_MAX: usize = 256;
/// Webhook endpoints of one owner. Creations at the same time in several processes may exceed it by the number of processes.
pub const ENDPOINTS_PER_OWNER_MAX: usize = 20;
/// Webhook endpoints of all owners, because every process keeps them in memory. Likewise.
pub const ENDPOINTS_MAX: usize = 10_000;
/// The shortest secret of a webhook endpoint, before its encoding.
pub const WEBHOOK_SECRET_BYTES_MIN: usize = 24;
/// The longest secret of a webhook endpoint, before its encoding.
pub const WEBHOOK_SECRET_BYTES_MAX: usize = 64;
/// How long the previous secret of a webhook endpoint signs after a rotation, unless the rotation says otherwise.
pub const WEBHOOK_OVERLAP_MS_DEFAULT: u64 = 24 * 60 * 60 * 1000;
/// How long the previous secret of a webhook endpoint may sign after a rotation.
pub const WEBHOOK_OVERLAP_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;
/// The length of a webhook's body. Standard Webhooks recommends less than 20 kB.
pub const WEBHOOK_BODY_BYTES_MAX: usize = 20_000;
