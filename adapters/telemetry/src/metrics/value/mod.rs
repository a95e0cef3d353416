//! The values behind the series. Updating one takes no lock that a scrape can hold, and allocates nothing.

mod counter;
mod exemplar;
mod histogram;
mod table;

pub(super) use counter::Counter;
pub(super) use exemplar::{Exemplar, TracedHistogram, trace_id_of};
pub(super) use histogram::{Histogram, Snapshot, Tally};
pub(super) use table::Table;
