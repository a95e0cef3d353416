//! Reads the files again while the server runs.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::Acceptor;
use super::files::{Files, TlsError};

impl Acceptor {
    /// Reads the files at an interval, for ever. It compares their contents: a Kubernetes Secret replaces a link, and a
    /// modification time can stay the same.
    pub(crate) async fn reload(self: Arc<Self>) {
        let interval = Duration::from_millis(self.settings.reload_ms);
        let mut logged = None;
        loop {
            tokio::time::sleep(interval).await;
            let acceptor = self.clone();
            // The files can be on a network.
            let Ok(reloaded) = tokio::task::spawn_blocking(move || acceptor.reload_once()).await else {
                continue;
            };
            match reloaded {
                Ok(false) => {}
                Ok(true) => {
                    tracing::info!(certificate = ?self.settings.certificate, "reloaded the TLS certificate");
                    logged = None;
                }
                Err(error) => {
                    let error = error.to_string();
                    if logged.as_ref() != Some(&error) {
                        tracing::error!(%error, "keeping the previous TLS certificate");
                        logged = Some(error);
                    }
                }
            }
        }
    }

    /// Loads the files if their contents changed, and returns whether it did.
    fn reload_once(&self) -> Result<bool, TlsError> {
        let files = Files::read(&self.settings)?;
        let mut last = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == files {
            return Ok(false);
        }
        let config = files.server_config(&self.settings)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        *last = files;
        Ok(true)
    }
}
