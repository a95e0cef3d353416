//! Flags of processes that notify.

use clap::Args;
use logistics_core::port::StartAt;

/// Flags of processes that notify.
#[derive(Args, Debug, Clone, Default)]
pub struct NotifyArgs {
    /// Where the notification group starts in partitions without a position: start, end, or a time such as
    /// 2026-01-31T12:00:00Z. Unset: the start in a new system, whose first notifications are less than a day old; otherwise
    /// the end
    #[arg(long, env = "LOGISTICS_NOTIFY_FROM", value_name = "start|end|TIME", value_parser = start_at)]
    notify_from: Option<StartAt>,
}

impl NotifyArgs {
    /// The flag's value, if it is set.
    #[must_use]
    pub fn from(&self) -> Option<StartAt> {
        self.notify_from
    }
}

fn start_at(text: &str) -> Result<StartAt, String> {
    match text {
        "start" => Ok(StartAt::Start),
        "end" => Ok(StartAt::End),
        time => time
            .parse()
            .map(StartAt::Time)
            .map_err(|_| "write start, end, or a time such as 2026-01-31T12:00:00Z".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use logistics_core::Timestamp;

    use super::*;

    #[test]
    fn a_start_is_a_keyword_or_a_time_with_an_offset() {
        assert_eq!(start_at("start"), Ok(StartAt::Start));
        assert_eq!(start_at("end"), Ok(StartAt::End));
        let time = StartAt::Time(Timestamp::from_millis(1_769_860_800_000));
        assert_eq!(start_at("2026-01-31T12:00:00Z"), Ok(time));
        assert_eq!(start_at("2026-01-31T14:00:00+02:00"), Ok(time));
        for wrong in ["", "START", "yesterday", "2026-01-31", "2026-01-31T12:00:00"] {
            assert!(start_at(wrong).is_err(), "{wrong:?}");
        }
    }
}
