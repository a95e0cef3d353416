//! A data directory whose process is stopped.

use std::path::Path;

use logistics_embedded::{Config, Engine};

use crate::exit::Failure;

/// Opens what is there, with the partitions that it has.
///
/// # Errors
/// The engine's sentence, where there is nothing or it cannot be used.
pub(crate) async fn open(data_dir: &Path) -> Result<Engine, Failure> {
    let config = Config::new(data_dir);
    let opening = tokio::task::spawn_blocking(move || Engine::open_existing(config)).await;
    opening
        .map_err(|error| Failure::usage(format!("cannot open the data: {error}")))?
        .map_err(|error| Failure::usage(error.to_string()))
}
