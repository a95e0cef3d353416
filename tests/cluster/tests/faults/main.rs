//! The services on real parts, and whatever can happen to them. Each test ends with every order at its end, every invariant
//! at rest, one notification for each fact, and no group behind.
//!
//! `SOAK_SECONDS` and `SOAK_SEED` are those of the soak.

mod api;
mod broker;
mod processors;
mod records;
mod soak;
mod start;
mod store;
mod walk;

use std::process::ExitCode;

use logistics_cluster_tests::system::Machines;
use logistics_containers::Suite;

/// A single broker (4.3.1) that starts again may take the partitions of a transaction that was being committed for deleted
/// ones ("Couldn't find leader endpoint"), and never writes its end there: about every second run. Brokers that replicate do not.
const BROKER_LOSES_ENDS: &str = "a single broker loses the ends of transactions when it starts again";

/// One broker that is killed, and the soak, run by default; these are the same for each broker.
const MINUTES: &str = "minutes, for what a killed broker and the soak show too";

/// Most tests wait for a session, a restart or a container, so a few of them share two cores well.
const SIDE_BY_SIDE: usize = 3;

fn main() -> ExitCode {
    let machines = Machines::default();
    let mut suite = Suite::new().side_by_side(SIDE_BY_SIDE);
    macro_rules! tests {
        ($how:ident $system:ident; $($module:ident::$test:ident),+ $(,)?) => {
            $(
                let these = machines.clone();
                suite = suite.$how(concat!(stringify!($module), "::", stringify!($test)), move || async move {
                    $module::$test(these.$system().await).await;
                });
            )+
        };
    }
    // The longest first.
    tests!(test replicated_system; broker::a_broker_is_killed);
    tests!(
        test system;
        api::everything_is_restarted_in_turn_without_a_failed_call,
        walk::an_order_goes_its_way_and_every_service_says_so,
        walk::any_producer_places_an_order_and_anyone_reads_it,
        start::a_missing_topic_is_waited_for,
        start::a_partition_count_that_does_not_fit_is_refused,
        start::a_topic_that_forgets_is_refused,
        start::a_store_that_evicts_is_refused,
        start::a_wrong_password_is_refused_and_not_shown,
        records::garbage_oversized_and_foreign_records_are_moved_past,
        records::records_in_the_wrong_partition_reach_the_right_one,
        records::duplicated_and_reordered_requests_are_answered_once,
        records::records_that_claim_to_be_an_owners_skip_no_order,
        processors::a_processor_that_was_frozen_is_fenced,
        processors::processors_come_and_go_under_load,
        processors::the_groups_offsets_are_deleted,
        store::redis_is_paused_and_restarted,
        store::redis_is_wiped_in_mid_flight,
        store::an_idle_system_heals_a_wiped_redis_unasked,
        store::another_system_claims_the_store,
        store::another_system_claims_a_store_that_no_longer_fits,
        store::redis_is_restored_to_an_older_state,
        store::a_store_write_arrives_late_from_an_owner_that_is_gone,
        store::documents_that_are_deleted_come_back,
        store::a_log_that_is_made_anew_is_not_taken_for_the_old_one,
        api::the_api_is_killed_between_append_and_answer,
    );
    // These measure time, or disturb the broker that the others use.
    tests!(
        test_alone system;
        processors::a_processor_is_killed_under_load,
        broker::the_broker_is_paused,
    );
    tests!(test_alone replicated_system; soak::everything_at_once);
    macro_rules! on_demand {
        ($system:ident; $why:expr; $($module:ident::$test:ident),+ $(,)?) => {
            $(
                let these = machines.clone();
                let name = concat!(stringify!($module), "::", stringify!($test));
                suite = suite.test_on_demand(name, $why, move || async move {
                    $module::$test(these.$system().await).await;
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
    // The last test takes them down.
    drop(machines);
    suite.run()
}
