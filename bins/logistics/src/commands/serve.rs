//! `logistics serve`

use std::sync::Arc;

use logistics_cli_kit::{Failure, Signals, output};
use logistics_core::port::StartAt;
use logistics_notify::Console;
use logistics_wiring::Deciding;

use crate::app::{App, AppConfig};
use crate::cli::{NotifierKind, ServeArgs};

pub(crate) async fn run(args: Box<ServeArgs>) -> Result<(), Failure> {
    args.log.start();
    let log_keys = args.log_key.keys()?;
    let mut signals = Signals::listen()?;
    let engine = args.engine.open().await?;
    let deciding = Deciding {
        policy: args.policy.announced(),
        memory_bytes: args.memory.for_orders(),
        clock_skew_ms_max: args.clock.skew_ms_max(),
        log_keys,
    };
    let front = App::listen(&engine, args.listen, &args.http, args.memory.for_requests()).await?;
    let url = format!("http://{}", front.addr());
    output::line(format!("Listening on {url}, data in {}", engine.place()));
    output::line(format!("Try: curl -X POST {url}/orders"));
    let mut app = tokio::select! {
        app = App::start(engine.clone(), front, config(deciding, args.notifier, args.notify.from())) => app?,
        () = signals.stop() => return engine.close(),
    };
    let ended = tokio::select! {
        () = signals.stop() => Ok(()),
        failure = app.failed() => Err(failure),
    };
    output::line("Draining...");
    signals.bounded(async { app.stop().await.and(ended) }).await
}

fn config(deciding: Deciding, notifier: NotifierKind, notify_from: Option<StartAt>) -> AppConfig {
    AppConfig {
        deciding: Some(deciding),
        notifier: match notifier {
            NotifierKind::Console => Some(Box::new(|| Arc::new(Console::stdout()))),
            NotifierKind::None => None,
        },
        notify_from,
    }
}
