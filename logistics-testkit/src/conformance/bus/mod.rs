//! The suite of every [`EventBus`].

mod append;
mod group;
mod publish;
mod read;
mod steps;
mod subscription;
mod transaction;

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;

use super::case::{Case, PAUSE, Pauses, Report, run_cases};
use crate::executor;
use futures::future::BoxFuture;
use logistics_core::port::EventBus;

/// The optional capabilities of a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusCapabilities {
    /// Several members of one group at the same time, of processors and of readers.
    pub several_members: bool,
    /// Its contents survive a restart: [`BusHarness::restart`].
    pub restart: bool,
}

/// One bus under test, which cleans up after itself when dropped. The suite builds one for each case.
#[async_trait]
pub trait BusHarness: Send + Sync {
    /// The capabilities. By default all, so that no case is skipped.
    fn capabilities(&self) -> BusCapabilities {
        BusCapabilities { several_members: true, restart: true }
    }

    /// The bus; at first with empty topics of at least two partitions each, and groups without members.
    fn bus(&self) -> Arc<dyn EventBus>;

    /// Ends the bus as a process ends, and opens it again with its contents. The suite holds no handle at that moment.
    async fn restart(&mut self);

    /// Waits for about 50 ms while other tasks run.
    async fn pause(&self) {
        executor::pause(PAUSE).await;
    }
}

impl Pauses for dyn BusHarness {
    fn pause_once(&self) -> BoxFuture<'_, ()> {
        self.pause()
    }
}

type BusCase = Case<dyn BusHarness>;

/// Runs the suite. `fresh` builds a harness for each case.
///
/// # Panics
/// When a case fails, with its name and what went wrong.
pub async fn bus<H: BusHarness + 'static>(fresh: impl AsyncFn() -> H) -> Report {
    bus_side_by_side(NonZeroUsize::MIN, fresh).await
}

/// Like [`bus`], with this number of cases at a time: for a bus whose harnesses are independent and whose cases mostly wait.
///
/// # Panics
/// When a case fails, with its name and what went wrong.
pub async fn bus_side_by_side<H: BusHarness + 'static>(
    cases: NonZeroUsize,
    fresh: impl AsyncFn() -> H,
) -> Report {
    run_cases!(
        "bus",
        cases,
        fresh,
        append::appended_records_get_rising_offsets_and_are_read_in_that_order,
        append::a_record_is_in_the_partition_of_its_order,
        append::records_over_the_limit_are_refused_and_those_at_it_are_not,
        append::any_bytes_survive,
        append::bounds_say_where_a_partition_starts_and_ends,
        append::appended_records_survive_a_restart needs restart,
        publish::published_records_get_rising_offsets_and_keep_their_keys,
        publish::records_of_owners_and_of_unknown_partitions_are_not_published,
        publish::groups_read_published_records,
        publish::published_records_survive_a_restart needs restart,
        read::a_read_waits_until_there_is_something,
        read::a_cancelled_read_loses_nothing,
        read::reads_go_on_behind_what_they_showed_and_respect_their_limits,
        read::two_readers_see_the_same_order,
        read::a_tail_begins_at_its_position_and_waits_at_the_end,
        read::partitions_are_read_apart,
        transaction::a_transaction_is_seen_whole_in_every_topic,
        transaction::a_transaction_reaches_other_partitions,
        transaction::records_without_a_key_and_with_any_key_survive,
        transaction::a_transaction_without_records_commits,
        transaction::inputs_and_transactions_keep_the_order_in_which_they_came,
        transaction::reading_reaches_the_end_that_was_read_before,
        transaction::a_large_transaction_is_one_transaction,
        transaction::acquiring_again_goes_on,
        transaction::a_predecessor_cannot_commit,
        transaction::an_earlier_worker_of_the_same_member_cannot_commit,
        transaction::a_member_that_left_cannot_commit,
        transaction::transactions_survive_a_restart needs restart,
        group::the_only_member_gets_every_partition,
        group::a_member_that_left_owns_nothing,
        group::a_process_that_left_can_join_again,
        group::the_partitions_of_a_dropped_member_are_given_out_again,
        group::two_members_share_the_partitions needs several_members,
        group::a_member_without_partitions_receives_an_empty_assignment needs several_members,
        subscription::everything_is_delivered_in_order,
        subscription::notifications_are_delivered_too,
        subscription::unacknowledged_records_are_delivered_again_to_the_next_member_only,
        subscription::groups_have_positions_of_their_own,
        subscription::a_cancelled_wait_for_a_delivery_loses_nothing,
        subscription::positions_survive_a_restart needs restart,
        subscription::a_group_without_a_position_starts_where_its_reader_requests,
        subscription::a_group_that_started_at_the_end_loses_nothing_of_what_comes_then,
        subscription::a_group_with_a_position_goes_on_there_wherever_it_would_start,
        subscription::a_held_partition_waits_and_the_others_go_on,
        subscription::an_assignment_shows_without_records,
        subscription::two_members_read_everything_between_them needs several_members,
        subscription::a_revoked_partition_moves_once_it_is_released_and_not_before needs several_members,
    )
}
