//! All faults in an order that a seed determines, while clients place orders. At most one of the three brokers is paused,
//! restarted or killed at a time.

use std::time::{Duration, Instant, SystemTime};

use logistics_cluster_tests::load::Load;
use logistics_cluster_tests::services::Services;
use logistics_cluster_tests::system::System;
use logistics_testkit::Rng;

/// The default duration, in seconds.
const SECONDS: u64 = 45;

pub(crate) async fn everything_at_once(system: System) {
    let seconds = number("SOAK_SECONDS").unwrap_or(SECONDS);
    let seed = number("SOAK_SEED").unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::from(since.subsec_nanos())
    });
    print(&format!("SOAK_SEED={seed} SOAK_SECONDS={seconds}"));
    let mut rng = Rng::new(seed);
    let mut services = Services::start(&system, 2).await;
    let load = Load::start("soak", &services.addresses(), 8, Duration::from_millis(20));
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut faults = 0;
    while Instant::now() < until {
        let fault = FAULTS[usize::try_from(rng.below(FAULTS.len() as u64)).expect("small")];
        print(&format!("{fault:?} at {} orders", load.placed()));
        inject(fault, &system, &mut services, &mut rng).await;
        faults += 1;
        // Some faults follow while the previous one still has effects.
        if rng.below(3) > 0 {
            load.more(20).await;
        }
    }
    let clients = load.end().await;
    let (failures, attempts) = (clients.failures.clone(), clients.attempts_max);
    let report = system.settled(&clients).await;
    assert_eq!(report.orders, clients.orders.len() as u64);
    print(&format!(
        "{faults} faults, {} orders, {} facts, {} notifications, {} inputs; {attempts} attempts at most; {failures:?}",
        report.orders, report.facts, report.notifications, report.inputs
    ));
    services.stop().await;
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    ProcessorKilled,
    ProcessorStopped,
    ProcessorSuspended,
    ProcessorAdded,
    NotificationsKilled,
    ApiKilled,
    RedisPaused,
    RedisWiped,
    RedisOlder,
    RedisRestarted,
    BrokerPaused,
    BrokerRestarted,
    BrokerKilled,
    Garbage,
}

const FAULTS: [Fault; 14] = [
    Fault::ProcessorKilled,
    Fault::ProcessorStopped,
    Fault::ProcessorSuspended,
    Fault::ProcessorAdded,
    Fault::NotificationsKilled,
    Fault::ApiKilled,
    Fault::RedisPaused,
    Fault::RedisWiped,
    Fault::RedisOlder,
    Fault::RedisRestarted,
    Fault::BrokerPaused,
    Fault::BrokerRestarted,
    Fault::BrokerKilled,
    Fault::Garbage,
];

async fn inject(fault: Fault, system: &System, services: &mut Services, rng: &mut Rng) {
    let brokers = system.kafka().brokers();
    let broker = &brokers[usize::try_from(rng.below(brokers.len() as u64)).expect("few")];
    let mut pause_ms = async |most: u64| tokio::time::sleep(Duration::from_millis(rng.below(most))).await;
    match fault {
        Fault::ProcessorKilled => {
            services.processors.remove(0).kill().await;
            pause_ms(3000).await;
            services.processors.push(system.processor());
        }
        Fault::ProcessorStopped => {
            services.processors.remove(0).stop().await;
            services.processors.push(system.processor());
        }
        Fault::ProcessorSuspended => {
            services.processors[0].suspend();
            pause_ms(12_000).await;
            services.processors[0].resume();
        }
        Fault::ProcessorAdded => {
            services.processors.push(system.processor());
            if services.processors.len() > 3 {
                services.processors.remove(0).stop().await;
            }
        }
        Fault::NotificationsKilled => {
            let successor = system.notifications();
            std::mem::replace(&mut services.notifications, successor).kill().await;
        }
        Fault::ApiKilled => {
            let address = services.api.address();
            services.api.kill().await;
            services.api = system.api_at(address);
        }
        Fault::RedisPaused => {
            system.redis().pause().await;
            pause_ms(7000).await;
            system.redis().unpause().await;
        }
        Fault::RedisWiped => drop(system.redis().cli(&["FLUSHALL"]).await),
        Fault::RedisOlder => {
            system.redis().cli(&["SAVE"]).await;
            pause_ms(3000).await;
            system.redis().kill().await;
            system.redis().start_again().await;
        }
        Fault::RedisRestarted => {
            system.redis().stop().await;
            pause_ms(2000).await;
            system.redis().start_again().await;
        }
        Fault::BrokerPaused => {
            broker.pause().await;
            pause_ms(10_000).await;
            broker.unpause().await;
            system.replicated().await;
        }
        Fault::BrokerRestarted => {
            broker.stop().await;
            pause_ms(5000).await;
            broker.start_again().await;
            system.replicated().await;
        }
        Fault::BrokerKilled => {
            broker.kill().await;
            pause_ms(5000).await;
            broker.start_again().await;
            system.replicated().await;
        }
        Fault::Garbage => {
            let records = system.records();
            for partition in 0..logistics_cluster_tests::PARTITIONS {
                records.write(Some(partition), None, b"garbage").await;
            }
        }
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[allow(clippy::print_stderr, reason = "prints the seed that reproduces a failure")]
fn print(line: &str) {
    eprintln!("soak: {line}");
}
