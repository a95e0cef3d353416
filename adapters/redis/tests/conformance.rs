//! The store on real Redis servers in containers: the conformance suite, and the behaviour of real servers.

mod containers {
    pub(crate) mod checks;
    pub(crate) mod contents;
    pub(crate) mod faults;
    pub(crate) mod parties;
    pub(crate) mod quotas;
    pub(crate) mod server;
    pub(crate) mod suite;
}

use std::process::ExitCode;

use logistics_containers::Suite;

use containers::server::Kind;
use containers::{checks, contents, faults, parties, quotas, suite};

/// Each test has its own servers.
const SIDE_BY_SIDE: usize = 3;

fn main() -> ExitCode {
    Suite::new()
        .side_by_side(SIDE_BY_SIDE)
        .test("one_server_passes_the_suite", || suite::passes(Kind::Single))
        .test("a_cluster_passes_the_suite", || suite::passes(Kind::Cluster))
        .test("a_master_behind_sentinel_passes_the_suite", || suite::passes(Kind::Sentinel))
        .test("suitable_servers_pass_the_check", checks::suitable_servers_pass)
        .test("evicting_servers_are_refused", checks::evicting_servers_are_refused)
        .test("evicting_replicas_are_refused", checks::evicting_replicas_are_refused)
        .test("each_new_connection_is_counted", checks::each_new_connection_is_counted)
        .test("the_usage_is_that_of_the_servers", checks::the_usage_is_that_of_the_servers)
        .test("a_summary_costs_one_script_a_partition", contents::a_summary_costs_one_script_a_partition)
        .test("passwords_are_used_and_never_shown", checks::passwords_are_used_and_never_shown)
        .test("a_user_without_rights_is_refused", checks::a_user_without_rights_is_refused)
        .test("an_unknown_master_is_refused", checks::an_unknown_master_is_refused)
        .test("the_keys_are_those_of_the_documentation", contents::the_keys_are_those_of_the_documentation)
        .test("keys_of_a_cluster_carry_their_tag", contents::keys_of_a_cluster_carry_their_tag)
        .test("outcomes_expire", contents::outcomes_expire)
        .test("many_wait_for_outcomes_on_few_connections", contents::many_wait_on_few_connections)
        .test("foreign_values_are_reported_and_kept", contents::foreign_values_are_reported)
        .test("a_lost_document_is_reported_and_comes_back", contents::a_lost_document_is_reported)
        .test("new_orders_cost_one_command_a_status", contents::new_orders_cost_one_command_a_status)
        .test("late_orders_cost_two_round_trips_a_page", contents::late_orders_cost_two_round_trips_a_page)
        .test("clear_removes_documents_that_no_index_has", contents::clear_removes_unindexed_documents)
        .test(
            "clear_leaves_nothing_where_the_server_restarts",
            contents::clear_leaves_nothing_after_a_restart,
        )
        .test("empty_lists_of_parties_leave_no_key", parties::empty_lists_of_parties_leave_no_key)
        .test(
            "clear_removes_the_lists_of_parties_of_its_partition_only",
            parties::clear_removes_the_lists_of_parties_of_its_partition_only,
        )
        .test(
            "a_page_of_a_large_party_costs_as_much_as_of_a_small_one",
            parties::a_page_of_a_large_party_costs_as_much_as_of_a_small_one,
        )
        .test("a_prefix_keeps_systems_apart", contents::a_prefix_keeps_systems_apart)
        .test(
            "a_second_system_is_refused_while_the_first_is_alive",
            contents::a_second_system_is_refused_while_the_first_is_alive,
        )
        .test("a_full_server_takes_all_of_a_write_or_nothing", faults::a_full_server)
        .test("a_wiped_server_is_a_mismatch", faults::a_wiped_server_is_a_mismatch)
        .test("forgotten_scripts_are_sent_again", faults::forgotten_scripts_are_sent_again)
        .test("a_paused_server_is_unavailable", faults::a_paused_server_is_unavailable)
        .test("a_restarted_server_is_used_again", faults::a_restarted_server_is_used_again)
        .test("connections_that_the_server_closed_are_replaced", faults::closed_connections_are_replaced)
        .test("a_cancelled_call_closes_its_connection", faults::a_cancelled_call)
        .test("a_missing_server_is_unavailable_in_time", faults::a_missing_server_is_unavailable_in_time)
        .test("a_quota_is_a_burst_then_a_steady_rate", quotas::a_burst_then_a_steady_rate)
        .test("processes_share_a_quota", quotas::processes_share_a_quota)
        .test("quotas_expire_and_keep_to_their_prefix", quotas::quotas_expire)
        .test("limiters_use_their_share_without_redis", quotas::limiters_use_their_share_without_redis)
        .run()
}
