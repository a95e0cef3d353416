//! Spans of time on the command line.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

/// A span of time such as `2s`, `500ms`, `10m`, `1h 30m` or `0`, to the millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Milliseconds.
    pub ms: u64,
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Self { ms: 0 });
        }
        let wrong = || format!("{text:?} is no span of time such as 2s, 500ms, 10m or 1h 30m");
        let duration: SignedDuration = text.parse().map_err(|_| wrong())?;
        u64::try_from(duration.as_millis()).map(|ms| Self { ms }).map_err(|_| wrong())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = i64::try_from(self.ms).unwrap_or(i64::MAX);
        write!(f, "{:#}", SignedDuration::from_millis(ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_units() {
        let ms = |text: &str| text.parse::<Span>().map(|span| span.ms);
        assert_eq!(ms("2s"), Ok(2000));
        assert_eq!(ms("500ms"), Ok(500));
        assert_eq!(ms("1h 30m"), Ok(5_400_000));
        assert_eq!(ms("0"), Ok(0));
        assert!(ms("-2s").is_err());
        assert!(ms("2").is_err());
        assert!(ms("soon").is_err());
    }
}
