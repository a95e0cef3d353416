//! The header `retry-after`.

use std::time::{SystemTime, UNIX_EPOCH};

use hyper::header::{HeaderMap, RETRY_AFTER};

/// The wait in milliseconds: the header has seconds, or an HTTP date. A date in the past is no wait.
pub(crate) fn retry_after_ms(headers: &HeaderMap, now: SystemTime) -> Option<u64> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1_000));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    // To the second, as the date: rounding down would be too early.
    let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let date = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(date.saturating_sub(now).saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_nothing_else() {
        let now = UNIX_EPOCH + Duration::from_millis(1_700_000_000_700);
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            retry_after_ms(&headers, now)
        };
        assert_eq!(
            (read("120"), read(" 0 "), read("99999999999999999999")),
            (Some(120_000), Some(0), Some(u64::MAX))
        );
        assert_eq!(read("Tue, 14 Nov 2023 22:13:30 GMT"), Some(10_000));
        assert_eq!(read("Tue, 14 Nov 2023 22:13:00 GMT"), Some(0));
        assert_eq!((read("soon"), read("-1"), read("1.5"), read("")), (None, None, None, None));
        assert_eq!(retry_after_ms(&HeaderMap::new(), now), None);
    }
}
