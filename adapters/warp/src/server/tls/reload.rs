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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rcgen::{CertificateParams, KeyPair};
    use tempfile::TempDir;

    use super::super::Tls;
    use super::*;

    /// A certificate and its key, PEM.
    fn pair() -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("names");
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
    }

    fn write(directory: &Path, certificate: &str, key: &str) {
        std::fs::write(directory.join("tls.crt"), certificate).expect("a file");
        std::fs::write(directory.join("tls.key"), key).expect("a file");
    }

    fn acceptor(directory: &Path) -> Acceptor {
        Acceptor::new(Tls::new(directory.join("tls.crt"), directory.join("tls.key"))).expect("a pair")
    }

    #[test]
    fn files_that_do_not_fit_together_keep_the_previous_ones() {
        let directory = TempDir::new().expect("a directory");
        let directory = directory.path();
        let ((certificate, key), (next_certificate, next_key)) = (pair(), pair());
        write(directory, &certificate, &key);
        let acceptor = acceptor(directory);
        let first = Arc::as_ptr(&acceptor.current.read().expect("no panic"));
        assert!(!acceptor.reload_once().expect("the same files"));
        let half = &next_certificate[..next_certificate.len() / 2];
        for (certificate, key) in
            [(&*certificate, &*next_key), (half, &next_key), ("", &next_key), (&next_certificate, "")]
        {
            write(directory, certificate, key);
            assert!(acceptor.reload_once().is_err());
        }
        std::fs::remove_file(directory.join("tls.key")).expect("a file");
        assert!(matches!(acceptor.reload_once(), Err(TlsError::Unreadable { .. })));
        assert_eq!(Arc::as_ptr(&acceptor.current.read().expect("no panic")), first);
        write(directory, &next_certificate, &next_key);
        assert!(acceptor.reload_once().expect("a pair"));
        assert_ne!(Arc::as_ptr(&acceptor.current.read().expect("no panic")), first);
        assert!(!acceptor.reload_once().expect("the same files"));
    }

    #[cfg(unix)]
    #[test]
    fn the_files_can_be_links_that_are_replaced() {
        let directory = TempDir::new().expect("a directory");
        let link = directory.path().join("data");
        for version in ["first", "second"] {
            let (certificate, key) = pair();
            std::fs::create_dir(directory.path().join(version)).expect("a directory");
            write(&directory.path().join(version), &certificate, &key);
        }
        std::os::unix::fs::symlink("first", &link).expect("a link");
        let acceptor = acceptor(&link);
        let next = directory.path().join("next");
        std::os::unix::fs::symlink("second", &next).expect("a link");
        std::fs::rename(&next, &link).expect("a link replaces another");
        assert!(acceptor.reload_once().expect("a pair"));
    }
}
