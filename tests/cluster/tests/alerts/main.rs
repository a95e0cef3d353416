//! Each alert of `deploy/observability` for real: the services on a real Kafka and Redis, scraped by a real Prometheus, with the
//! committed rules and the committed inhibitions in a real Alertmanager. Each test provokes one fault, and sees that exactly its own
//! alert fires within 60 s, and clears after the repair.
//!
//! All tests are on demand, because an alert takes a minute or more: `cargo test -p logistics-cluster-tests --test alerts -- --ignored`.
//! They need the programs of Debian's packages `prometheus` and `prometheus-alertmanager`; the clock test needs `faketime`.

mod dependencies;
mod monitor;
mod partitions;
mod processes;
mod scene;

use std::process::ExitCode;

use logistics_cluster_tests::system::Clusters;
use logistics_containers::Suite;

const MINUTES: &str = "an alert takes a minute to fire and up to seven to clear";

fn main() -> ExitCode {
    let clusters = Clusters::default();
    let mut suite = Suite::new();
    macro_rules! tests {
        ($($module:ident::$test:ident),+ $(,)?) => {
            $(
                let shared = clusters.clone();
                let name = concat!(stringify!($module), "::", stringify!($test));
                suite = suite.test_on_demand(name, MINUTES, move || async move {
                    $module::$test(shared.system().await).await;
                });
            )+
        };
    }
    tests!(
        processes::every_processor_is_killed,
        processes::one_of_two_processors_is_suspended,
        processes::the_api_is_killed,
        processes::the_notification_service_is_killed,
        processes::a_takeover_and_a_restart_fire_nothing,
        processes::two_processes_have_one_name,
        processes::a_topic_is_missing,
        processes::a_channel_hangs,
        processes::a_channel_meets_a_newer_release,
        dependencies::the_store_is_paused,
        dependencies::one_process_loses_the_store,
        dependencies::the_store_fills,
        dependencies::the_store_is_full,
        dependencies::the_store_gets_an_eviction_policy,
        dependencies::the_store_is_wiped,
        dependencies::a_foreign_transaction_stays_open,
        dependencies::a_clock_is_off,
        dependencies::the_broker_is_paused,
        partitions::a_flood_of_orders_waits,
        partitions::another_program_joins_the_group,
        partitions::an_invalid_record_is_dead_lettered,
        partitions::a_record_claims_to_be_an_owners,
        partitions::a_merchant_does_not_answer,
        partitions::a_partition_meets_a_newer_release,
    );
    // The last test removes the containers.
    drop(clusters);
    suite.run()
}
