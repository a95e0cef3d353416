//! The conformance suite, and what other clients, operators and damaged files do to a topic, on one real broker.

mod codecs;
mod conformance;
mod damage;
mod descriptors;
mod headers;
mod identity;
mod lines;
mod partitions;
mod positions;
mod settings;
mod size;
mod system;
mod transactions;

use std::process::ExitCode;

use logistics_containers::Suite;
use system::Share;

/// Each test has its own topics and groups.
const SIDE_BY_SIDE: usize = 3;

fn main() -> ExitCode {
    lines::capture();
    let broker = Share::default();
    let suite = Suite::new()
        .side_by_side(SIDE_BY_SIDE)
        .test("kafka_is_a_bus", broker.of(conformance::kafka_is_a_bus))
        .test(
            "a_log_that_was_shortened_past_the_position_is_read_on_at_its_start",
            broker.of(positions::shortened),
        )
        .test("a_group_that_was_deleted_starts_where_its_reader_says", broker.of(positions::deleted))
        .test("records_of_every_codec_are_read", broker.of(codecs::all_are_read))
        .test("a_topic_that_compresses_by_itself_is_read", broker.of(codecs::a_topic_compresses))
        .test("the_headers_of_cloud_events_arrive", broker.of(headers::arrive))
        .test("a_topic_that_is_created_again_is_another_log", broker.of(identity::created_again))
        .test("a_transaction_that_is_too_large_is_aborted_and_named", broker.of(size::is_named))
        .test("a_batch_is_no_larger_than_a_topic_takes", broker.of(size::fits))
        .test("settings_that_lose_records_or_stop_commits_refuse_the_start", broker.of(settings::refuse))
        .test("partitions_that_are_added_are_left_alone", broker.of(partitions::are_left_alone))
        .test(
            "an_open_transaction_of_another_client_is_waited_for_and_named",
            broker.of(transactions::is_waited_for),
        )
        .test(
            "an_open_transaction_behind_a_password_is_waited_for_and_says_where_to_look",
            transactions::is_waited_for_without_its_name,
        )
        // Counts the files that the process has open.
        .test_alone(
            "owners_have_no_more_files_open_than_computed",
            broker.of(descriptors::are_no_more_than_computed),
        )
        .test("a_damaged_batch_is_refused_behind_the_good_records", broker.of(damage::is_refused));
    drop(broker);
    suite.run()
}
