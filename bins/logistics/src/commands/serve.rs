//! `logistics serve`

use std::net::SocketAddr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use logistics_cli_kit::{AuditArgs, Failure, LogArgs, Signals, output};
use logistics_core::port::StartAt;
use logistics_notify::Console;
use logistics_wiring::{
    AUDIT_TARGET, Deciding, DecidingArgs, EmailArgs, HttpArgs, InstanceArgs, NotifyArgs, TelemetryArgs,
    WebhookDelivery, WebhookDeliveryArgs,
};

use crate::all_in_one::{AllInOne, AllInOneConfig};
use crate::engine::EngineArgs;
use crate::names::PROGRAM;

/// Flags of `serve`.
#[derive(Args, Debug, Clone)]
// The default is a simulation for a first look. A service for real orders sets `manual`.
#[command(mut_arg("mode", |mode| mode.default_value("simulate")))]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    engine: EngineArgs,
    /// The address to listen on
    #[arg(long, env = "LOGISTICS_LISTEN", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    #[command(flatten)]
    http: HttpArgs,
    /// The channel of notifications: the console, or none
    #[arg(long, env = "LOGISTICS_NOTIFIER", value_enum, default_value_t = NotifierKind::Console)]
    notifier: NotifierKind,
    #[command(flatten)]
    notify: NotifyArgs,
    #[command(flatten)]
    email: EmailArgs,
    #[command(flatten)]
    webhooks: WebhookDeliveryArgs,
    #[command(flatten)]
    deciding: DecidingArgs,
    #[command(flatten)]
    log: LogArgs,
    #[command(flatten)]
    instance: InstanceArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
    #[command(flatten)]
    audit: AuditArgs,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum NotifierKind {
    Console,
    None,
}

pub(crate) async fn run(args: Box<ServeArgs>) -> Result<(), Failure> {
    args.log.start_audited(&args.audit, AUDIT_TARGET)?;
    let deciding = args.deciding.deciding(args.deciding.memory().for_orders())?;
    let email = args.email.delivery()?;
    let delivery = args.webhooks.delivery(args.http.webhooks(), deciding.log_keys.clone())?;
    let mut signals = Signals::listen()?;
    let instance = args.instance.name(PROGRAM);
    let telemetry = args.telemetry.start(PROGRAM, &instance, args.engine.log_system())?;
    let engine = args.engine.open().await?;
    args.deciding.announce();
    let request_bytes = args.deciding.memory().for_requests();
    let server = AllInOne::listen(
        &engine,
        args.listen,
        &args.http,
        request_bytes,
        deciding.log_keys.clone(),
        &telemetry,
    )
    .await?;
    args.http.announce(args.listen);
    let url = server.url();
    output::line(format!("Listening on {url}, data in {}", engine.location()));
    output::line(format!("Try: curl -X POST {url}/orders"));
    let config = AllInOneConfig { email, ..config(deciding, args.notifier, args.notify.from(), delivery) };
    let mut app = tokio::select! {
        app = AllInOne::start(engine.clone(), server, config, &telemetry) => app?,
        () = signals.stop() => return engine.close(),
    };
    let ended = tokio::select! {
        () = signals.stop() => Ok(()),
        failure = app.failed() => Err(failure),
    };
    output::line("Draining...");
    signals.bounded(async { app.stop().await.and(ended) }).await
}

fn config(
    deciding: Deciding,
    notifier: NotifierKind,
    notify_from: Option<StartAt>,
    webhooks: Option<WebhookDelivery>,
) -> AllInOneConfig {
    AllInOneConfig {
        deciding: Some(deciding),
        notifier: match notifier {
            NotifierKind::Console => Some(Box::new(|| Arc::new(Console::stdout()))),
            NotifierKind::None => None,
        },
        notify_from,
        email: None,
        webhooks,
    }
}
