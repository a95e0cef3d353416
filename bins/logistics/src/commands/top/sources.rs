//! The tasks that scrape the processes and list late orders, each at its own pace: a process that does not answer delays no other.

use std::time::Duration;

use logistics_cli_kit::Failure;
use tokio::sync::mpsc::Sender;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::args::TopArgs;
use super::late::{LateList, LateOrders};
use super::process::{Process, Scrape};
use super::scrape::{REPLY_MAX, Scraper};

/// Shortest time between two lists of late orders.
const LATE_INTERVAL_MIN: Duration = Duration::from_secs(5);

/// What a task reports.
pub(super) enum News {
    /// A scrape of the process with this index.
    Scraped(usize, Scrape),
    /// The late orders.
    Late(LateOrders),
}

/// The processes, not scraped yet, and what scrapes them.
///
/// # Errors
/// If the token or the authorities cannot be read.
pub(super) fn sources(args: &TopArgs) -> Result<(Vec<Process>, Vec<Scraper>), Failure> {
    let urls = args.sources();
    let processes = urls.iter().map(|url| Process::new(url.to_string())).collect();
    let scrapers = urls.iter().map(|url| Scraper::new(url, &args.server)).collect::<Result<_, _>>()?;
    Ok((processes, scrapers))
}

/// Starts the tasks. They end when they are dropped.
///
/// # Errors
/// If the token or the authorities cannot be read.
pub(super) fn spawn(
    scrapers: Vec<Scraper>,
    late: LateList,
    interval: Duration,
    news: &Sender<News>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for (index, scraper) in scrapers.into_iter().enumerate() {
        tasks.spawn(scrape(index, scraper, interval, news.clone()));
    }
    tasks.spawn(list_late(late, interval.max(LATE_INTERVAL_MIN), news.clone()));
    tasks
}

async fn scrape(index: usize, mut scraper: Scraper, interval: Duration, news: Sender<News>) {
    let mut ticks = ticks(interval);
    loop {
        ticks.tick().await;
        if news.send(News::Scraped(index, scraper.scrape(REPLY_MAX).await)).await.is_err() {
            return;
        }
    }
}

async fn list_late(mut list: LateList, interval: Duration, news: Sender<News>) {
    let mut ticks = ticks(interval);
    loop {
        ticks.tick().await;
        if news.send(News::Late(list.read(REPLY_MAX).await)).await.is_err() {
            return;
        }
    }
}

/// After a slow reply, the next scrape is an interval later, not at once.
fn ticks(interval: Duration) -> tokio::time::Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
