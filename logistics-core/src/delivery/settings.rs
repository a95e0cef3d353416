//! The settings of deliveries. Each is a limit with its unit.

/// When failed attempts are repeated (Standard Webhooks 1.0.0): 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h after the
/// one before.
pub const RETRY_DELAYS_MS: [u64; 9] =
    [5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000, 50_400_000, 72_000_000, 86_400_000];

/// The settings of deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Settings {
    /// Milliseconds for which a notification waits for its deliveries, before those that are under way are stored as waiting and
    /// the position advances.
    pub hold_ms: u64,
    /// Attempts under way to one endpoint.
    pub in_flight_endpoint_max: usize,
    /// Attempts under way in the process.
    pub in_flight_max: usize,
    /// Deliveries to one endpoint that are neither accepted nor stored. More are stored at once.
    pub held_endpoint_max: usize,
    /// Deliveries of one partition that are neither accepted nor stored. More notifications are not read.
    pub held_partition_max: usize,
    /// Deliveries that wait in the process. More notifications are not read.
    pub waiting_max: usize,
    /// Deliveries of one endpoint that wait in the process. A further one is dead at once, with the problem `full`, so that an endpoint
    /// that does not work uses up the room of no other. A redrive delivers it.
    pub waiting_endpoint_max: usize,
    /// The wait before each retry in milliseconds. A delivery whose last retry failed is dead.
    pub retry_delays_ms: Vec<u64>,
    /// The random share of a wait, 0 to 100: with 20, a wait is 80 % to 120 % of its delay.
    pub jitter_percent: u32,
    /// Milliseconds for which `Retry-After` may postpone an attempt.
    pub retry_after_ms_max: u64,
    /// Failed attempts in a row that open an endpoint's circuit breaker.
    pub breaker_failures: u32,
    /// Milliseconds for which an opened breaker admits nothing; each failed probe doubles it.
    pub breaker_open_ms_min: u64,
    /// The longest such time.
    pub breaker_open_ms_max: u64,
    /// Milliseconds without a success after which a failing endpoint is disabled.
    pub disable_after_ms: u64,
    /// Milliseconds between two records of statistics of an endpoint in a partition.
    pub stats_ms: u64,
    /// Records of other channels behind the last record of this one, after which a checkpoint is written. A new owner searches
    /// through at most about as many.
    pub checkpoint_records: u64,
    /// Milliseconds before a record that could not be stored is stored again; each failure doubles it.
    pub publish_retry_ms_min: u64,
    /// The longest such time.
    pub publish_retry_ms_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hold_ms: 1_000,
            in_flight_endpoint_max: 8,
            in_flight_max: 1_024,
            held_endpoint_max: 64,
            held_partition_max: 4_096,
            waiting_max: 500_000,
            waiting_endpoint_max: 100_000,
            retry_delays_ms: RETRY_DELAYS_MS.to_vec(),
            jitter_percent: 20,
            retry_after_ms_max: 24 * 60 * 60 * 1_000,
            breaker_failures: 5,
            breaker_open_ms_min: 5_000,
            breaker_open_ms_max: 300_000,
            disable_after_ms: 5 * 24 * 60 * 60 * 1_000,
            stats_ms: 10_000,
            checkpoint_records: 10_000,
            publish_retry_ms_min: 100,
            publish_retry_ms_max: 5_000,
        }
    }
}
