//! A disk in memory that can run full or fail. It records every operation, so that a test can cut its power at any point.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logistics_embedded::StorageBackend;
use logistics_testkit::Rng;

/// Clones share one disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    bytes: Vec<u8>,
    journal: Vec<Step>,
    bytes_max: Option<u64>,
    syncs_fail: bool,
}

/// One operation on a disk.
#[derive(Debug, Clone)]
pub enum Step {
    /// Bytes were written at an offset.
    Write(u64, Vec<u8>),
    /// Its length was set.
    SetLen(u64),
    /// Every earlier operation is durable.
    Sync,
}

impl MemoryDisk {
    /// A disk with these contents.
    #[must_use]
    pub fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(Inner { bytes, ..Inner::default() })))
    }

    /// All operations so far.
    #[must_use]
    pub fn journal(&self) -> Vec<Step> {
        self.lock().journal.clone()
    }

    /// The number of operations so far.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.lock().journal.len()
    }

    /// Its contents.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// Its length in bytes.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.lock().bytes.len() as u64
    }

    /// Limits its capacity in bytes. `None`: no limit.
    pub fn limit(&self, bytes_max: Option<u64>) {
        self.lock().bytes_max = bytes_max;
    }

    /// Fails every sync from now on.
    pub fn fail_syncs(&self) {
        self.lock().syncs_fail = true;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn check_room(&self, bytes: u64) -> io::Result<()> {
        match self.bytes_max {
            Some(bytes_max) if bytes > bytes_max => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl StorageBackend for MemoryDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.used())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let inner = self.lock();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = inner.bytes.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut inner = self.lock();
        if len > inner.bytes.len() as u64 {
            inner.check_room(len)?;
        }
        perform(&mut inner.bytes, &Step::SetLen(len));
        inner.journal.push(Step::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut inner = self.lock();
        if inner.syncs_fail {
            return Err(io::Error::other("the disk confirms nothing"));
        }
        inner.journal.push(Step::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut inner = self.lock();
        inner.check_room(offset + data.len() as u64)?;
        let step = Step::Write(offset, data.to_vec());
        perform(&mut inner.bytes, &step);
        inner.journal.push(step);
        Ok(())
    }
}

/// The contents of a disk after a power cut: all synced operations, and any part of the others.
#[derive(Debug, Default)]
pub struct Remains {
    synced: Vec<u8>,
    unsynced: Vec<Step>,
}

impl Remains {
    /// Applies the next operation.
    pub fn take(&mut self, step: Step) {
        match step {
            Step::Sync => self.unsynced.drain(..).for_each(|step| perform(&mut self.synced, &step)),
            step => self.unsynced.push(step),
        }
    }

    /// Only the synced operations.
    #[must_use]
    pub fn synced(&self) -> Vec<u8> {
        self.synced.clone()
    }

    /// The synced operations and any part of the others, because a disk may reorder and split unsynced writes.
    #[must_use]
    pub fn with_luck(&self, rng: &mut Rng) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for step in &self.unsynced {
            match step {
                Step::Write(offset, data) if rng.chance(500) => {
                    let kept = if rng.chance(200) { torn(data.len(), rng) } else { data.len() };
                    perform(&mut bytes, &Step::Write(*offset, data[..kept].to_vec()));
                }
                Step::SetLen(_) if rng.chance(500) => perform(&mut bytes, step),
                _ => {}
            }
        }
        bytes
    }
}

/// A sector of 512 bytes is written whole or not at all.
fn torn(length: usize, rng: &mut Rng) -> usize {
    let sectors = rng.below(length as u64 / 512 + 1);
    usize::try_from(sectors * 512).unwrap_or(length).min(length)
}

fn perform(bytes: &mut Vec<u8>, step: &Step) {
    match step {
        Step::Write(offset, data) => {
            let start = usize::try_from(*offset).unwrap_or(usize::MAX);
            if bytes.len() < start + data.len() {
                bytes.resize(start + data.len(), 0);
            }
            bytes[start..start + data.len()].copy_from_slice(data);
        }
        Step::SetLen(length) => bytes.resize(usize::try_from(*length).unwrap_or(usize::MAX), 0),
        Step::Sync => {}
    }
}
