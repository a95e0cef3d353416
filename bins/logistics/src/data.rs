//! Opening the data.

use std::path::Path;

use logistics_embedded::{Config, EmbeddedError, Engine};

use crate::exit::Failure;

/// Opens an engine, away from the threads that serve: a repair reads the file.
///
/// # Errors
/// The engine's sentence, where the data cannot be used.
pub(crate) async fn open(
    open: impl FnOnce() -> Result<Engine, EmbeddedError> + Send + 'static,
) -> Result<Engine, Failure> {
    let opening = tokio::task::spawn_blocking(open).await;
    opening
        .map_err(|error| Failure::usage(format!("cannot open the data: {error}")))?
        .map_err(|error| Failure::usage(error.to_string()))
}

/// Opens the data of a directory whose process is stopped, with the partitions that it has.
///
/// # Errors
/// The engine's sentence, where there is nothing or it cannot be used.
pub(crate) async fn open_stopped(data_dir: &Path) -> Result<Engine, Failure> {
    let config = Config::new(data_dir);
    open(move || Engine::open_existing(config)).await
}
