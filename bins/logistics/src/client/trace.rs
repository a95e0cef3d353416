//! The trace that a command starts.

use logistics_core::TraceContext;

/// The context of a new trace, which every server records.
pub(super) fn start() -> TraceContext {
    loop {
        // An id of 0 is invalid, and as likely as any other.
        if let Some(context) = TraceContext::new(rand::random(), rand::random(), true) {
            return context;
        }
    }
}
