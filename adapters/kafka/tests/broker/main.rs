//! The conformance suite, and topics with other clients, changed settings and damaged files, on one real broker.

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
        .test("a_position_before_the_start_of_the_log_moves_to_its_start", broker.of(positions::shortened))
        .test("a_deleted_group_starts_at_the_requested_position", broker.of(positions::deleted))
        .test("records_of_every_codec_are_read", broker.of(codecs::all_are_read))
        .test("a_topic_with_its_own_compression_is_read", broker.of(codecs::a_topic_compresses))
        .test("the_headers_of_cloud_events_arrive", broker.of(headers::arrive))
        .test("a_topic_that_is_created_again_has_another_identity", broker.of(identity::created_again))
        .test("an_oversized_transaction_is_aborted_and_reported", broker.of(size::is_named))
        .test("a_batch_is_no_larger_than_its_topic_permits", broker.of(size::fits))
        .test("settings_that_lose_records_or_prevent_commits_are_rejected", broker.of(settings::refuse))
        .test("added_partitions_are_ignored", broker.of(partitions::are_left_alone))
        .test(
            "reading_waits_for_an_open_transaction_and_names_its_producer",
            broker.of(transactions::is_waited_for),
        )
        .test("an_open_transaction_shows_where_readers_stop", broker.of(transactions::is_located))
        .test(
            "with_sasl_the_warning_about_an_open_transaction_names_a_tool",
            transactions::is_waited_for_without_its_name,
        )
        // Counts the files that the process has open.
        .test_alone(
            "owners_have_no_more_open_descriptors_than_computed",
            broker.of(descriptors::are_no_more_than_computed),
        )
        .test("a_damaged_batch_is_an_error_after_the_intact_records", broker.of(damage::is_refused));
    drop(broker);
    suite.run()
}
