//! `logistics top --once`

use std::time::Instant;

use futures::future::join_all;
use logistics_cli_kit::{Failure, output};
use logistics_core::Timestamp;
use serde_json::Value;

use super::args::TopArgs;
use super::late::LateList;
use super::model::Snapshot;
use super::process::Process;
use super::scrape::{REPLY_MAX, Scraper};
use super::sources::sources;
use super::terminal;
use super::view::{Paint, View};

/// Prints one view of two scrapes. The verdict is the exit code.
pub(super) async fn run(args: &TopArgs) -> Result<(), Failure> {
    let interval = args.interval()?;
    let (mut processes, mut scrapers) = sources(args)?;
    let mut late = LateList::new(&args.server)?;
    let begun = Instant::now();
    scrape(&mut processes, &mut scrapers).await;
    tokio::time::sleep(interval.saturating_sub(begun.elapsed())).await;
    let ((), late_orders) = tokio::join!(scrape(&mut processes, &mut scrapers), late.read(REPLY_MAX));
    let snapshot = Snapshot::of(&processes, late_orders, args.stuck_after(), now());
    if args.json {
        output::json(document(&snapshot)?.as_bytes());
    } else {
        let mut view = View::new(Paint::of_environment());
        view.all = true;
        view.lines(&snapshot, terminal::width()).iter().for_each(output::line);
    }
    verdict(&snapshot)
}

async fn scrape(processes: &mut [Process], scrapers: &mut [Scraper]) {
    let scrapes = join_all(scrapers.iter_mut().map(|scraper| scraper.scrape(REPLY_MAX))).await;
    processes.iter_mut().zip(scrapes).for_each(|(process, scrape)| process.scraped(scrape));
}

fn verdict(snapshot: &Snapshot) -> Result<(), Failure> {
    if snapshot.moving == Some(true) {
        return Ok(());
    }
    let first = snapshot.reasons.first().map(|reason| &*reason.message).unwrap_or_default();
    let more = match snapshot.reasons.len() {
        0 | 1 => String::new(),
        all => format!(" (and {} more)", all - 1),
    };
    let problem = format!("{first}{more}");
    if !snapshot.has_answer() {
        return Err(Failure::unreachable(format!("no process answers: {problem}")));
    }
    Err(Failure::refused(match snapshot.moving {
        Some(_) => format!("not every order is moving: {problem}"),
        None => format!("it is unknown whether every order is moving: {problem}"),
    }))
}

/// The document. Whole numbers have no decimal point, whatever they count.
fn document(snapshot: &Snapshot) -> Result<String, Failure> {
    let unwritable = |error| Failure::refused(format!("cannot write the document: {error}"));
    let mut document = serde_json::to_value(snapshot).map_err(unwritable)?;
    whole_numbers(&mut document);
    Ok(document.to_string())
}

fn whole_numbers(value: &mut Value) {
    /// Up to here, an `f64` counts exactly.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Array(values) => values.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        Value::Number(number) => {
            if let Some(real) = number.as_f64().filter(|real| real.fract() == 0.0 && real.abs() <= EXACT_MAX)
            {
                *number = (real as i64).into();
            }
        }
        _ => {}
    }
}

/// The time.
pub(super) fn now() -> Timestamp {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_have_no_decimal_point() {
        let mut value = json!({"a": [1.0, 0.25, -3.0], "b": {"c": 1e300, "d": null}});
        whole_numbers(&mut value);
        assert_eq!(value.to_string(), r#"{"a":[1,0.25,-3],"b":{"c":1e+300,"d":null}}"#);
    }
}
