//! Numbers as people read them.

/// A span of time in at most two units.
pub(super) fn seconds(seconds: f64) -> String {
    let whole = seconds as u64;
    match whole {
        0 if seconds < 0.001 => "0 s".to_owned(),
        0 => format!("{:.0} ms", seconds * 1000.0),
        1..=9 => format!("{seconds:.1} s"),
        10..=59 => format!("{whole} s"),
        60..=3599 => format!("{}m {}s", whole / 60, whole % 60),
        3600..=86399 => format!("{}h {}m", whole / 3600, whole / 60 % 60),
        _ => format!("{}d {}h", whole / 86400, whole / 3600 % 24),
    }
}

/// A size in binary units.
pub(super) fn bytes(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes, 0);
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if unit == 0 || value >= 100.0 {
        format!("{value:.0} {}", UNITS[unit])
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// A count, in thousands or more where it is long.
pub(super) fn count(count: f64) -> String {
    match count {
        count if count.abs() < 100_000.0 => format!("{count:.0}"),
        count if count.abs() < 10_000_000.0 => format!("{:.0}k", count / 1e3),
        count if count.abs() < 1e10 => format!("{:.0}M", count / 1e6),
        count => format!("{count:.1e}"),
    }
}

/// A number a second.
pub(super) fn rate(rate: f64) -> String {
    if rate < 100.0 { format!("{rate:.1}/s") } else { format!("{}/s", count(rate)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        let spans = [0.0, 0.0123, 1.26, 59.9, 61.0, 7_384.0, 180_000.0].map(seconds);
        assert_eq!(spans, ["0 s", "12 ms", "1.3 s", "59 s", "1m 1s", "2h 3m", "2d 2h"]);
        assert_eq!([512.0, 1536.0, 3e8, 5e12].map(bytes), ["512 B", "1.5 KiB", "286 MiB", "4.5 TiB"]);
        assert_eq!([0.0, 99_999.0, 123_456.0, 5e7, 1e11].map(count), ["0", "99999", "123k", "50M", "1.0e11"]);
        assert_eq!([0.0, 1.25, 250.0].map(rate), ["0.0/s", "1.2/s", "250/s"]);
    }
}
