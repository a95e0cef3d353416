//! The suite of every [`OrderStore`].

mod clear;
mod documents;
mod late;
mod list;
mod outcome;
mod parties;
mod steps;
mod summary;
mod write;

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;

use super::case::{Case, PAUSE, Pauses, Report, run_cases};
use crate::executor;
use futures::future::BoxFuture;
use logistics_core::port::OrderStore;

/// The optional capabilities of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreCapabilities {
    /// Its contents survive a restart: [`StoreHarness::restart`].
    pub restart: bool,
}

/// One store under test, which cleans up after itself when dropped. The suite builds one for each case.
#[async_trait]
pub trait StoreHarness: Send + Sync {
    /// The capabilities. By default all, so that no case is skipped.
    fn capabilities(&self) -> StoreCapabilities {
        StoreCapabilities { restart: true }
    }

    /// The number of partitions that the store was built for: at least two.
    fn partitions(&self) -> u32;

    /// The store; empty at first.
    fn store(&self) -> Arc<dyn OrderStore>;

    /// Ends the store as a process ends, and opens it again with its contents. The suite holds no handle at that moment.
    async fn restart(&mut self);

    /// Waits for about 50 ms while other tasks run.
    async fn pause(&self) {
        executor::pause(PAUSE).await;
    }
}

impl Pauses for dyn StoreHarness {
    fn pause_once(&self) -> BoxFuture<'_, ()> {
        self.pause()
    }
}

type StoreCase = Case<dyn StoreHarness>;

/// Runs the suite. `fresh` builds a harness for each case.
///
/// # Panics
/// When a case fails, with its name and the failure.
pub async fn store<H: StoreHarness + 'static>(fresh: impl AsyncFn() -> H) -> Report {
    run_cases!(
        "store",
        NonZeroUsize::MIN,
        fresh,
        write::a_partition_without_a_write_is_empty,
        write::the_first_write_expects_nothing,
        write::a_write_follows_the_one_that_it_expects,
        write::a_repeated_write_is_applied_once,
        write::a_write_that_expects_something_else_changes_nothing,
        write::of_two_writes_that_expect_the_same_one_is_applied,
        write::checkpoints_keep_their_numbers,
        write::partitions_do_not_touch_each_other,
        write::what_was_written_survives_a_restart needs restart,
        documents::documents_have_the_order_of_the_requested_ids,
        documents::a_document_is_found_or_absent_or_unknown,
        documents::documents_keep_their_bytes,
        documents::a_later_write_replaces_document_and_timer,
        documents::timers_are_those_of_the_latest_documents,
        documents::many_documents_are_one_write,
        documents::a_rebuilt_partition_is_one_write,
        documents::timers_keep_the_extreme_times,
        list::an_empty_list_has_one_empty_page,
        list::the_latest_change_comes_first_and_of_two_the_greater_id,
        list::all_statuses_come_one_after_the_other,
        list::an_order_is_listed_under_its_latest_status_only,
        list::pages_neither_lose_nor_repeat_an_order,
        list::the_list_spans_partitions,
        list::changes_of_one_millisecond_are_paged,
        list::the_list_keeps_the_extreme_times,
        list::a_rebuilt_order_has_one_entry,
        late::an_order_that_is_not_late_is_not_listed_as_late,
        late::the_order_that_is_late_for_the_longest_comes_first,
        late::late_orders_of_one_status_are_listed,
        late::an_order_that_moves_on_is_late_no_more,
        late::a_rebuilt_order_is_late_as_its_document_is,
        late::late_orders_survive_a_restart needs restart,
        parties::a_party_has_its_orders_of_its_role_only,
        parties::a_change_moves_an_order_to_the_front_of_its_parties,
        parties::a_courier_that_changes_leaves_the_list_of_the_former,
        parties::a_rebuilt_order_is_listed_for_its_parties_only,
        parties::orders_of_a_party_are_listed_by_status,
        parties::pages_of_a_party_neither_lose_nor_repeat_an_order,
        parties::a_cursor_of_another_party_only_determines_the_position,
        parties::a_list_since_a_time_has_the_later_changes,
        parties::late_orders_of_a_party_are_listed,
        parties::ids_of_parties_are_kept_apart,
        parties::a_write_may_name_many_parties,
        parties::lists_of_parties_survive_a_restart needs restart,
        summary::an_empty_store_has_no_orders_of_any_status,
        summary::every_order_counts_once_in_its_latest_status,
        summary::the_summary_spans_partitions,
        summary::writes_that_change_nothing_do_not_count,
        summary::a_cleared_partition_does_not_count,
        summary::summaries_survive_a_restart needs restart,
        clear::clear_removes_one_partition_in_steps,
        clear::clear_at_another_write_changes_nothing,
        clear::a_cleared_partition_is_written_anew,
        outcome::an_outcome_that_is_there_comes_at_once,
        outcome::an_outcome_is_waited_for_and_comes_with_its_document,
        outcome::every_kind_of_outcome_survives,
    )
}
