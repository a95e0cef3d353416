//! The text of server-sent events (the HTML standard, section 9.2).

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use logistics_service::{LiveEnd, LivePosition};

/// The type of a stream.
pub(crate) const CONTENT_TYPE: &str = "text/event-stream";

/// Milliseconds after which a client reconnects, at least.
const RETRY_MS_MIN: u64 = 2_000;
/// The same at most. The values of clients differ, so that the clients of a restarted server do not come at once.
const RETRY_MS_MAX: u64 = 5_000;

/// Room for the names of the fields of an event.
const FIELDS_BYTES: usize = 160;

/// A comment, which keeps proxies from closing an idle stream.
pub(crate) const HEARTBEAT: Bytes = Bytes::from_static(b":\n\n");

/// The time after which this client reconnects.
pub(crate) fn retry() -> Bytes {
    Bytes::from(format!("retry: {}\n\n", retry_ms()))
}

fn retry_ms() -> u64 {
    rand::random_range(RETRY_MS_MIN..=RETRY_MS_MAX)
}

/// The position behind what a client would not get. It is no event, and a browser resumes from it.
pub(crate) fn position(position: &LivePosition) -> Bytes {
    Bytes::from(format!("id: {position}\n\n"))
}

/// The last event of a stream whose client fell behind. `from`: where it resumes, as JSON.
pub(crate) fn resume(from: &dyn fmt::Display) -> Bytes {
    event("resume", None, format!(r#"{{"resume_from":{from}}}"#).as_bytes())
}

/// The last event of a stream that ends early.
pub(crate) fn ended(end: LiveEnd) -> Bytes {
    end_of(end.code())
}

/// The last event of a stream whose caller has to log in again.
pub(crate) fn expired() -> Bytes {
    end_of("credentials_expired")
}

fn end_of(reason: &str) -> Bytes {
    let retry_ms = retry_ms();
    Bytes::from(format!("retry: {retry_ms}\nevent: end\ndata: {{\"reason\":\"{reason}\"}}\n\n"))
}

/// An event. `id`: that of a position, without a line break.
pub(crate) fn event(name: &str, id: Option<&dyn fmt::Display>, json: &[u8]) -> Bytes {
    let mut text = BytesMut::with_capacity(json.len() + FIELDS_BYTES);
    text.put_slice(b"event: ");
    text.put_slice(name.as_bytes());
    if let Some(id) = id {
        text.put_slice(format!("\nid: {id}").as_bytes());
    }
    // A line break in JSON is white space; in an event it ends the line of data.
    for line in json.split(|byte| matches!(byte, b'\n' | b'\r')) {
        text.put_slice(b"\ndata: ");
        text.put_slice(line);
    }
    text.put_slice(b"\n\n");
    text.freeze()
}

#[cfg(test)]
mod tests {
    use logistics_core::Version;

    use super::*;

    fn text(bytes: &Bytes) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_break_in_json_starts_a_line_of_data() {
        let event = event("fact", Some(&Version(3)), b"{\"a\":\r\n1}");
        assert_eq!(text(&event), "event: fact\nid: 3\ndata: {\"a\":\ndata: \ndata: 1}\n\n");
    }

    #[test]
    fn clients_reconnect_at_different_times() {
        let retries: std::collections::BTreeSet<_> = (0..100).map(|_| retry_ms()).collect();
        assert!(retries.len() > 10, "{retries:?}");
        assert!(retries.iter().all(|ms| (RETRY_MS_MIN..=RETRY_MS_MAX).contains(ms)));
        assert!(
            text(&ended(LiveEnd::ShuttingDown))
                .ends_with("event: end\ndata: {\"reason\":\"shutting_down\"}\n\n")
        );
    }
}
