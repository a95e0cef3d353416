//! The services on a real Kafka and Redis, under faults. At the end of each test every order is terminal, every invariant holds,
//! each fact has one notification, and no group has a lag.
//!
//! `SOAK_SECONDS` and `SOAK_SEED` set the duration and the seed of the soak test.

mod api;
mod breakers;
mod broker;
mod processors;
mod records;
mod soak;
mod start;
mod store;
mod traces;
mod walk;

use std::process::ExitCode;

use logistics_cluster_tests::system::Clusters;
use logistics_containers::Suite;

/// A single broker (4.3.1) that restarts during a commit may treat the transaction's partitions as deleted ("Couldn't find leader
/// endpoint"), and never writes the end marker: about every second run. Replicating brokers do not.
const BROKER_LOSES_ENDS: &str = "a single broker loses end markers of transactions when it restarts";

/// By default, one broker is killed, and the soak test runs. These tests repeat that for each broker.
const MINUTES: &str = "takes minutes, and the soak test covers it too";

/// Most tests wait for a session, a restart or a container, so three of them fit on two cores.
const SIDE_BY_SIDE: usize = 3;

fn main() -> ExitCode {
    let clusters = Clusters::default();
    let mut suite = Suite::new().side_by_side(SIDE_BY_SIDE);
    macro_rules! tests {
        ($how:ident $system:ident; $($module:ident::$test:ident),+ $(,)?) => {
            $(
                let shared = clusters.clone();
                suite = suite.$how(concat!(stringify!($module), "::", stringify!($test)), move || async move {
                    $module::$test(shared.$system().await).await;
                });
            )+
        };
    }
    // The longest first.
    tests!(test replicated_system; broker::a_broker_is_killed);
    tests!(
        test system;
        api::everything_is_restarted_in_turn_without_a_failed_call,
        walk::an_order_is_delivered_and_every_service_logs_it,
        walk::any_producer_places_an_order_and_any_client_reads_it,
        traces::an_order_is_one_trace_across_three_processes,
        start::a_service_waits_for_a_missing_topic,
        start::another_partition_count_is_rejected,
        start::a_topic_with_finite_retention_is_rejected,
        start::a_store_that_evicts_is_rejected,
        start::a_wrong_password_is_rejected_and_not_shown,
        records::garbage_oversized_and_foreign_records_are_dead_lettered,
        records::records_in_the_wrong_partition_reach_the_right_one,
        records::duplicated_and_reordered_requests_are_answered_once,
        records::forged_records_of_an_owner_change_no_order,
        processors::a_suspended_processor_is_fenced,
        processors::processors_come_and_go_under_load,
        processors::the_groups_offsets_are_deleted,
        store::redis_is_paused_and_restarted,
        breakers::reads_fail_at_once_while_redis_hangs,
        store::redis_is_wiped_in_mid_flight,
        store::an_idle_system_rebuilds_a_wiped_redis,
        store::another_system_claims_the_store,
        store::another_system_claims_a_store_with_unsuitable_settings,
        store::redis_is_restored_to_an_older_state,
        store::a_late_write_of_a_dead_owner_changes_nothing,
        store::deleted_documents_are_rebuilt,
        store::a_new_log_does_not_continue_the_store_of_the_old_one,
        api::the_api_is_killed_between_append_and_answer,
    );
    // These measure time, or disturb the broker that other tests use.
    tests!(
        test_alone system;
        processors::a_processor_is_killed_under_load,
        broker::the_broker_is_paused,
    );
    tests!(test_alone replicated_system; soak::everything_at_once);
    macro_rules! on_demand {
        ($system:ident; $why:expr; $($module:ident::$test:ident),+ $(,)?) => {
            $(
                let shared = clusters.clone();
                let name = concat!(stringify!($module), "::", stringify!($test));
                suite = suite.test_on_demand(name, $why, move || async move {
                    $module::$test(shared.$system().await).await;
                });
            )+
        };
    }
    on_demand!(system; BROKER_LOSES_ENDS; broker::the_only_broker_is_killed);
    on_demand!(
        replicated_system; MINUTES;
        broker::every_broker_is_restarted_in_turn,
        broker::every_broker_is_killed_in_turn,
    );
    // The last test removes the containers.
    drop(clusters);
    suite.run()
}
