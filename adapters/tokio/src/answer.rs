//! The answer of a call that must neither hang nor end its task.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use logistics_core::port::PortError;
use tokio::time::timeout;

use crate::error_text::{error_text, panic_text};

/// The answer of a call, or why there is none within `limit_ms`.
///
/// Without the catch, a panic would end the task of the caller, and what it shows would never change again.
pub(crate) async fn answer_within<T>(
    limit_ms: u64,
    call: impl Future<Output = Result<T, PortError>>,
) -> Result<T, String> {
    let limit = Duration::from_millis(limit_ms);
    match AssertUnwindSafe(timeout(limit, call)).catch_unwind().await {
        Ok(Ok(answer)) => answer.map_err(|error| error_text(&error)),
        Ok(Err(_)) => Err(format!("no answer within {limit_ms} ms")),
        Err(panic) => Err(format!("a panic: {}", panic_text(panic.as_ref()))),
    }
}
