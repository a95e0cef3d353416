//! The key file on the disk: read, and rewritten atomically.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use logistics_core::Timestamp;

use super::entry::{self, CheckedEntry, InvalidKeyFile, KeyEntry};
use super::format::{self, ApiKey};
use super::hex;

/// Bytes of a key file, about 30,000 keys.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// A key file cannot be used. The text names the file, and contains nothing of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("cannot read the key file {}: {error}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the key file {}: {error}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is not valid.
    #[error("the key file {} is invalid: {problem}", .path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Where and why.
        problem: InvalidKeyFile,
    },
    /// The new entry is not valid.
    #[error("{0}")]
    InvalidEntry(&'static str),
}

/// What a new entry accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NewCredential {
    /// A new API key.
    ApiKey,
    /// The client certificate with this SHA-256 of its DER.
    Certificate([u8; 32]),
}

/// The properties of a new entry, as in [`KeyEntry`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewEntry {
    /// The name of the principal.
    pub name: String,
    /// Names of roles.
    pub roles: Vec<String>,
    /// Names of scopes.
    pub scopes: Vec<String>,
    /// The party with the role `customer`.
    pub customer_id: Option<String>,
    /// The party with the role `merchant`.
    pub merchant_id: Option<String>,
    /// The party with the role `courier`.
    pub courier_id: Option<String>,
    /// When the entry becomes invalid.
    pub expires: Option<Timestamp>,
}

/// A file with the hashes of API keys and client certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
}

impl KeyFile {
    /// The file at this path, which need not exist.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// All entries.
    ///
    /// # Errors
    /// [`KeyFileError::Read`] and [`KeyFileError::Invalid`].
    pub fn entries(&self) -> Result<Vec<KeyEntry>, KeyFileError> {
        Ok(self.read()?.into_iter().map(|checked| checked.entry).collect())
    }

    /// Adds an entry, and creates the file if it is missing. Returns the entry, and its key if it has one, which is nowhere else.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn create(
        &self,
        new: NewEntry,
        credential: NewCredential,
        now: Timestamp,
    ) -> Result<(KeyEntry, Option<ApiKey>), KeyFileError> {
        let _lock = self.lock()?;
        let mut entries = match self.entries() {
            Err(KeyFileError::Read { error, .. }) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            entries => entries?,
        };
        let (key, certificate) = match credential {
            NewCredential::ApiKey => (Some(ApiKey::generate()), None),
            NewCredential::Certificate(digest) => (None, Some(hex::encode(&digest))),
        };
        let entry = KeyEntry {
            id: key.as_ref().map_or_else(format::new_id, |key| key.id().to_owned()),
            name: new.name,
            secret_sha256: key.as_ref().map(|key| hex::encode(&key.secret_sha256())),
            certificate_sha256: certificate,
            roles: new.roles,
            scopes: new.scopes,
            customer_id: new.customer_id,
            merchant_id: new.merchant_id,
            courier_id: new.courier_id,
            created: now,
            expires: new.expires,
            revoked: None,
        };
        entry::check(entry.clone()).map_err(KeyFileError::InvalidEntry)?;
        entries.push(entry.clone());
        self.write(&entries)?;
        Ok((entry, key))
    }

    /// Revokes the entry with this id, or all entries with this name. Returns the revoked ones, without those that were revoked
    /// before.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub fn revoke(&self, id_or_name: &str, now: Timestamp) -> Result<Vec<KeyEntry>, KeyFileError> {
        let _lock = self.lock()?;
        let mut entries = self.entries()?;
        let is_id = entries.iter().any(|entry| entry.id == id_or_name);
        let mut revoked = Vec::new();
        for entry in &mut entries {
            let named = if is_id { &entry.id } else { &entry.name };
            if named == id_or_name && entry.revoked.is_none() {
                entry.revoked = Some(now);
                revoked.push(entry.clone());
            }
        }
        if !revoked.is_empty() {
            self.write(&entries)?;
        }
        Ok(revoked)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn read(&self) -> Result<Vec<CheckedEntry>, KeyFileError> {
        let text = self.text().map_err(|error| KeyFileError::Read { path: self.path.clone(), error })?;
        entry::parse(&text).map_err(|problem| KeyFileError::Invalid { path: self.path.clone(), problem })
    }

    fn text(&self) -> io::Result<String> {
        let mut text = String::new();
        let read = File::open(&self.path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
        if read as u64 > FILE_BYTES_MAX {
            return Err(io::Error::other(format!("it exceeds {FILE_BYTES_MAX} bytes")));
        }
        Ok(text)
    }

    /// The file that a symbolic link names.
    fn target(&self) -> PathBuf {
        fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone())
    }

    fn directory(&self) -> PathBuf {
        match self.target().parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        }
    }

    /// Excludes other writers. The lock is on the directory, because the file itself is replaced.
    fn lock(&self) -> Result<Option<File>, KeyFileError> {
        // Not every system opens directories.
        let Ok(directory) = File::open(self.directory()) else { return Ok(None) };
        match directory.lock() {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => {
                Err(KeyFileError::Write { path: self.path.clone(), error })
            }
            _ => Ok(Some(directory)),
        }
    }

    fn write(&self, entries: &[KeyEntry]) -> Result<(), KeyFileError> {
        self.replace(entries).map_err(|error| KeyFileError::Write { path: self.path.clone(), error })
    }

    /// Writes another file, and renames it: readers see the previous or the new content. Another reader's access to the previous
    /// file is kept: mode and owner are the same.
    fn replace(&self, entries: &[KeyEntry]) -> io::Result<()> {
        let text = entry::document(entries.iter())?;
        let mut file = tempfile::Builder::new().prefix(".keys-").tempfile_in(self.directory())?;
        file.write_all(text.as_bytes())?;
        let target = self.target();
        if let Ok(previous) = fs::metadata(&target) {
            keep_access(file.as_file(), &previous)?;
        }
        file.as_file().sync_all()?;
        file.persist(&target)?;
        // Makes the rename durable. Not every system syncs directories.
        if let Ok(directory) = File::open(self.directory()) {
            let _ = directory.sync_all();
        }
        Ok(())
    }
}

/// A new file has mode 0600.
#[cfg(unix)]
fn keep_access(file: &File, previous: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (previous.uid(), previous.gid()) {
        fchown(file, Some(previous.uid()), Some(previous.gid()))?;
    }
    file.set_permissions(previous.permissions())
}

#[cfg(not(unix))]
fn keep_access(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}
