//! What a process polls of Kafka and Redis for its metrics.

use std::sync::Arc;

use logistics_tokio::{
    LogMonitor, LogMonitorOptions, PollOptions, StoreMonitor, SystemClock, TransactionMonitor,
};

use super::{Log, ProcessRole, Store};
use crate::telemetry::Telemetry;

/// Milliseconds between two polls for open transactions. An alert about one must not wait for several polls of the default interval.
const TRANSACTIONS_INTERVAL_MS: u64 = 5000;

/// Polls the memory of the store for the metrics of a process with a store. A process that appends also polls what concerns the whole
/// system: how far the store is behind the log, the orders of each status, and the open transactions of the log. Processors would
/// repeat these. Call it after the checks of the start have passed.
pub fn gauge(telemetry: &Telemetry, log: &Log, store: &Store, role: ProcessRole) {
    let redis = store.redis.clone();
    let mut monitor = StoreMonitor::new(PollOptions::default()).usage(move || {
        let redis = redis.clone();
        async move { redis.usage().await }
    });
    if role.appends {
        let lag =
            LogMonitor::start(log.bus(), store.store(), Arc::new(SystemClock), LogMonitorOptions::default());
        telemetry.watch(Arc::new(lag));
        monitor = monitor.orders(Arc::new(store.redis.clone()));
        let (kafka, default) = (log.0.clone(), PollOptions::default());
        let options = PollOptions { interval_ms: TRANSACTIONS_INTERVAL_MS, ..default };
        let transactions = TransactionMonitor::start(Arc::new(SystemClock), options, move || {
            let kafka = kafka.clone();
            async move { kafka.hidden_from().await }
        });
        telemetry.watch(Arc::new(transactions));
    }
    telemetry.watch(Arc::new(monitor));
}
