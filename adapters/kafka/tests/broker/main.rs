//! What other clients, operators and damaged files do to a topic, on a real broker.

mod codecs;
mod damage;
mod descriptors;
mod headers;
mod identity;
mod lines;
mod partitions;
mod settings;
mod size;
mod system;
mod transactions;

use std::process::ExitCode;

use logistics_containers::Suite;

fn main() -> ExitCode {
    lines::capture();
    Suite::new()
        .test("records_of_every_codec_are_read", codecs::all_are_read)
        .test("a_topic_that_compresses_by_itself_is_read", codecs::a_topic_compresses)
        .test("the_headers_of_cloud_events_arrive", headers::arrive)
        .test("a_topic_that_is_created_again_is_another_log", identity::created_again)
        .test("a_damaged_batch_is_refused_behind_the_good_records", damage::is_refused)
        .test("a_transaction_that_is_too_large_is_aborted_and_named", size::is_named)
        .test("a_batch_is_no_larger_than_a_topic_takes", size::fits)
        .test("settings_that_lose_records_or_stop_commits_refuse_the_start", settings::refuse)
        .test("partitions_that_are_added_are_left_alone", partitions::are_left_alone)
        .test("an_open_transaction_of_another_client_is_waited_for_and_named", transactions::is_waited_for)
        .test(
            "an_open_transaction_behind_a_password_is_waited_for_and_says_where_to_look",
            transactions::is_waited_for_without_its_name,
        )
        .test("owners_have_no_more_files_open_than_computed", descriptors::are_no_more_than_computed)
        .run()
}
