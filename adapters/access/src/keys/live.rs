//! The keys of a running process: they follow the file.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use logistics_core::Timestamp;
use logistics_service::{ClientCertificate, Principal};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::task::JoinHandle;

use super::entry::{CheckedEntry, Credential};
use super::file::{KeyFile, KeyFileError};
use super::format::ApiKey;
use crate::refused::Refused;

/// Time between two looks at the file.
const POLL_MS: u64 = 1000;

/// The entries of a key file. Dropping it ends the polling.
pub(crate) struct LiveKeys {
    entries: Arc<RwLock<Arc<Entries>>>,
    background: JoinHandle<()>,
}

impl Drop for LiveKeys {
    fn drop(&mut self) {
        self.background.abort();
    }
}

impl LiveKeys {
    /// Reads the file, and follows it for as long as this lives. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// If the file cannot be read or is invalid.
    pub(crate) fn start(file: KeyFile) -> Result<Self, KeyFileError> {
        // Before the read: a change during the read causes another one.
        let stamp = Stamp::of(file.path()).ok();
        let entries = Arc::new(RwLock::new(Arc::new(Entries::new(file.read()?))));
        let follower = Follower { file, stamp, problem: None, entries: entries.clone() };
        Ok(Self { entries, background: tokio::spawn(follower.run()) })
    }

    /// The principal with this key.
    pub(crate) fn with_key(&self, key: &ApiKey, now: Timestamp) -> Result<Principal, Refused> {
        let entries = self.entries();
        let known = entries.by_id.get(key.id());
        // An unknown id costs the same work as a known one.
        let expected = known.map_or([0; 32], |(digest, _)| *digest);
        let is_equal = bool::from(expected.ct_eq(&key.secret_sha256()));
        match known {
            Some((_, entry)) if is_equal => entry.principal("the API key", now),
            Some(_) => Err(Refused::invalid(format!("the secret of the API key {} is wrong", key.id()))),
            None => Err(Refused::invalid(format!("the API key {} is unknown", key.id()))),
        }
    }

    /// The principal with this certificate.
    pub(crate) fn with_certificate(
        &self,
        certificate: &ClientCertificate,
        now: Timestamp,
    ) -> Result<Principal, Refused> {
        let digest: [u8; 32] = Sha256::digest(&certificate.der).into();
        match self.entries().by_certificate.get(&digest) {
            Some(entry) => entry.principal("the client certificate", now),
            None => {
                let digest = super::hex::encode(&digest);
                Err(Refused::invalid(format!("the client certificate with SHA-256 {digest} is unknown")))
            }
        }
    }

    fn entries(&self) -> Arc<Entries> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[derive(Default)]
struct Entries {
    by_id: HashMap<String, ([u8; 32], Entry)>,
    by_certificate: HashMap<[u8; 32], Entry>,
}

struct Entry {
    id: String,
    principal: Principal,
    expires: Option<Timestamp>,
    is_revoked: bool,
}

impl Entries {
    fn new(checked: Vec<CheckedEntry>) -> Self {
        let mut entries = Self::default();
        for CheckedEntry { entry, credential, principal } in checked {
            let (id, is_revoked) = (entry.id, entry.revoked.is_some());
            let live = Entry { id: id.clone(), principal, expires: entry.expires, is_revoked };
            match credential {
                Credential::Secret(digest) => {
                    entries.by_id.insert(id, (digest, live));
                }
                // A certificate may have been revoked and entered again.
                Credential::Certificate(digest) if is_revoked => {
                    entries.by_certificate.entry(digest).or_insert(live);
                }
                Credential::Certificate(digest) => {
                    entries.by_certificate.insert(digest, live);
                }
            }
        }
        entries
    }
}

impl Entry {
    fn principal(&self, what: &str, now: Timestamp) -> Result<Principal, Refused> {
        if self.is_revoked {
            return Err(Refused::Ended(format!("{what} {} is revoked", self.id)));
        }
        if self.expires.is_some_and(|expires| now >= expires) {
            return Err(Refused::Ended(format!("{what} {} is expired", self.id)));
        }
        Ok(self.principal.clone())
    }
}

/// Reads the file again when it changes.
struct Follower {
    file: KeyFile,
    /// Of the file that was read. `None`: read it again, because the last read failed.
    stamp: Option<Stamp>,
    /// The last one in the log.
    problem: Option<String>,
    entries: Arc<RwLock<Arc<Entries>>>,
}

impl Follower {
    async fn run(mut self) {
        loop {
            tokio::time::sleep(Duration::from_millis(POLL_MS)).await;
            let polled = tokio::task::spawn_blocking(move || {
                self.poll();
                self
            });
            match polled.await {
                Ok(follower) => self = follower,
                Err(error) => {
                    tracing::error!(%error, "stopped following the key file; restart the process");
                    return;
                }
            }
        }
    }

    fn poll(&mut self) {
        let stamp = Stamp::of(self.file.path()).ok();
        if stamp.is_some() && stamp == self.stamp {
            return;
        }
        match self.file.read() {
            Ok(checked) => {
                let count = checked.len();
                *self.entries.write().unwrap_or_else(PoisonError::into_inner) =
                    Arc::new(Entries::new(checked));
                (self.stamp, self.problem) = (stamp, None);
                tracing::info!(entries = count, "read the changed key file");
            }
            Err(error) => {
                self.stamp = None;
                let problem = Some(error.to_string());
                if problem != self.problem {
                    tracing::error!(%error, "the previous API keys stay in use; correct the key file");
                    self.problem = problem;
                }
            }
        }
    }
}

/// What differs between two versions of a file. Links are followed, so a link that now names another file differs, too: this is
/// how Kubernetes replaces a Secret.
#[derive(Debug, PartialEq, Eq)]
struct Stamp([i128; 4]);

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        Ok(Self::new(&fs::metadata(path)?))
    }

    #[cfg(unix)]
    fn new(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let ns = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
        Self([
            i128::from(metadata.dev()) << 64 | i128::from(metadata.ino()),
            i128::from(metadata.size()),
            ns(metadata.mtime(), metadata.mtime_nsec()),
            ns(metadata.ctime(), metadata.ctime_nsec()),
        ])
    }

    #[cfg(not(unix))]
    fn new(metadata: &Metadata) -> Self {
        let modified =
            metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified = modified.map_or(0, |since| i128::try_from(since.as_nanos()).unwrap_or(i128::MAX));
        Self([0, i128::from(metadata.len()), modified, 0])
    }
}
