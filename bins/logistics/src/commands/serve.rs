//! `logistics serve`

use std::sync::Arc;

use logistics_core::port::Notifier;
use logistics_notify::Console;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::{App, AppConfig};
use crate::cli::{DataArgs, NotifierKind, ServeArgs};
use crate::exit::Failure;
use crate::output;

pub(crate) async fn run(args: Box<ServeArgs>) -> Result<(), Failure> {
    args.log.start();
    let mut terminate = signal(SignalKind::terminate())
        .map_err(|error| Failure::usage(format!("cannot listen for signals: {error}")))?;
    let app = App::start(config(&args)).await?;
    let url = format!("http://{}", app.addr());
    output::line(format!("Listening on {url}, data in {}", args.data.data_dir.display()));
    output::line(format!("Try: curl -X POST {url}/orders"));
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    output::line("Draining...");
    app.stop().await
}

fn config(args: &ServeArgs) -> AppConfig {
    let notifier: Option<Arc<dyn Notifier>> = match args.notifier {
        NotifierKind::Console => Some(Arc::new(Console::stdout())),
        NotifierKind::None => None,
    };
    AppConfig {
        engine: engine_config(&args.data),
        listen: args.listen,
        policy: args.policy.policy(),
        notifier,
        processors: true,
    }
}

/// The engine's configuration, from the flags.
pub(crate) fn engine_config(data: &DataArgs) -> logistics_embedded::Config {
    let mut config = logistics_embedded::Config::new(&data.data_dir);
    config.partitions = data.partitions;
    config
}
