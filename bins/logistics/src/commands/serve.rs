//! `logistics serve`

use std::sync::Arc;

use logistics_notify::Console;

use crate::app::{App, AppConfig};
use crate::cli::{DataArgs, NotifierKind, ServeArgs};
use crate::exit::Failure;
use crate::output;
use crate::signals::Signals;

pub(crate) async fn run(args: Box<ServeArgs>) -> Result<(), Failure> {
    args.log.start();
    let mut signals = Signals::listen()?;
    let app = App::start(config(&args)).await?;
    let url = format!("http://{}", app.addr());
    output::line(format!("Listening on {url}, data in {}", args.data.data_dir.display()));
    output::line(format!("Try: curl -X POST {url}/orders"));
    signals.stop().await;
    output::line("Draining...");
    tokio::select! {
        stopped = app.stop() => stopped,
        () = signals.stop() => Err(Failure::refused("stopped at once; nothing that was acknowledged is lost")),
    }
}

fn config(args: &ServeArgs) -> AppConfig {
    AppConfig {
        engine: engine_config(&args.data),
        listen: args.listen,
        policy: args.policy.policy(),
        notifier: match args.notifier {
            NotifierKind::Console => Some(Box::new(|| Arc::new(Console::stdout()))),
            NotifierKind::None => None,
        },
        processors: true,
    }
}

/// The engine's configuration, from the flags.
pub(crate) fn engine_config(data: &DataArgs) -> logistics_embedded::Config {
    let mut config = logistics_embedded::Config::new(&data.data_dir);
    config.partitions = data.partitions;
    config
}
