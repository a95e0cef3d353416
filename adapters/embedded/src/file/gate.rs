//! The gate between redb and the disk.
//!
//! redb writes to a file when it opens it, and stops using a file after the first failed write. The gate lets the engine
//! open a file without changing it: while the gate is *held*, writes stay in memory. So the engine rejects a damaged or
//! foreign file untouched, and reads continue while the disk is full.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use redb::StorageBackend;

/// redb's access to the disk for one opening of the file. No write reaches the disk before [`Gate::release`].
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    disk: Arc<Disk>,
    mode: Arc<RwLock<Mode>>,
}

/// The disk. It remains when the file is reopened.
#[derive(Debug)]
pub(crate) struct Disk {
    backend: Box<dyn StorageBackend>,
    /// A sync failed. From then on, what the system reads from the file may differ from the disk.
    unsynced: AtomicBool,
}

#[derive(Debug)]
enum Mode {
    /// The steps of redb in order, and the length of the file after them.
    Held { journal: Vec<Step>, length: u64 },
    /// Each step goes to the disk.
    Released,
    /// Each step fails.
    Dead,
}

#[derive(Debug)]
enum Step {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

impl Disk {
    pub(crate) fn new(backend: impl StorageBackend) -> Arc<Self> {
        Arc::new(Self { backend: Box::new(backend), unsynced: AtomicBool::new(false) })
    }

    /// Whether a sync has failed.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.unsynced.load(Ordering::Acquire)
    }

    pub(crate) fn len(&self) -> io::Result<u64> {
        self.backend.len()
    }

    /// Checks that the disk has `bytes` of free space, by writing them and restoring the length.
    ///
    /// # Errors
    /// The system's, if the write fails.
    pub(crate) fn check_free_space(&self, bytes: usize) -> io::Result<()> {
        let length = self.backend.len()?;
        // Not zeros: some file systems store them as holes.
        let grown = self.backend.set_len(length + bytes as u64);
        let tried = grown.and_then(|()| self.backend.write(length, &vec![0xa5; bytes]));
        self.backend.set_len(length).and(tried)
    }

    /// # Errors
    /// The system's.
    pub(crate) fn close(&self) -> io::Result<()> {
        self.backend.close()
    }

    fn sync(&self) -> io::Result<()> {
        self.backend.sync_data().inspect_err(|_| self.unsynced.store(true, Ordering::Release))
    }

    fn apply(&self, step: &Step) -> io::Result<()> {
        match step {
            Step::Write(offset, data) => self.backend.write(*offset, data),
            Step::SetLen(length) => self.backend.set_len(*length),
            Step::Sync => self.sync(),
        }
    }
}

impl Gate {
    /// A held gate.
    ///
    /// # Errors
    /// The system's, if the length of the file cannot be read.
    pub(crate) fn held(disk: Arc<Disk>) -> io::Result<Self> {
        let length = disk.len()?;
        Ok(Self { disk, mode: Arc::new(RwLock::new(Mode::Held { journal: Vec::new(), length })) })
    }

    /// Writes the journal to the disk and syncs it. Later steps go to the disk directly. After an error, the gate is still
    /// held and a retry is safe, because each step has its own position.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn release(&self) -> io::Result<()> {
        let mut mode = self.mode.write().unwrap_or_else(PoisonError::into_inner);
        let Mode::Held { journal, .. } = &*mode else { return Ok(()) };
        for step in journal {
            self.disk.apply(step)?;
        }
        self.disk.sync()?;
        *mode = Mode::Released;
        Ok(())
    }

    /// Ends this access: every later step of redb fails.
    pub(crate) fn kill(&self) {
        *self.mode.write().unwrap_or_else(PoisonError::into_inner) = Mode::Dead;
    }

    fn step(&self, step: Step) -> io::Result<()> {
        if matches!(*self.mode.read().unwrap_or_else(PoisonError::into_inner), Mode::Released) {
            return self.disk.apply(&step);
        }
        let mut mode = self.mode.write().unwrap_or_else(PoisonError::into_inner);
        match &mut *mode {
            Mode::Held { journal, length } => {
                match &step {
                    Step::Write(offset, data) => *length = (*length).max(offset + data.len() as u64),
                    Step::SetLen(new) => *length = *new,
                    Step::Sync => {}
                }
                journal.push(step);
                Ok(())
            }
            Mode::Released => self.disk.apply(&step),
            Mode::Dead => Err(dead()),
        }
    }
}

impl StorageBackend for Gate {
    fn len(&self) -> io::Result<u64> {
        match &*self.mode.read().unwrap_or_else(PoisonError::into_inner) {
            Mode::Held { length, .. } => Ok(*length),
            Mode::Released => self.disk.len(),
            Mode::Dead => Err(dead()),
        }
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match &*self.mode.read().unwrap_or_else(PoisonError::into_inner) {
            Mode::Held { journal, length } => read_held(&self.disk, journal, *length, offset, out),
            Mode::Released => self.disk.backend.read(offset, out),
            Mode::Dead => Err(dead()),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.step(Step::SetLen(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.step(Step::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        // Checked before `step`, so that the data is not copied.
        if matches!(*self.mode.read().unwrap_or_else(PoisonError::into_inner), Mode::Released) {
            return self.disk.backend.write(offset, data);
        }
        self.step(Step::Write(offset, data.to_vec()))
    }
}

fn dead() -> io::Error {
    io::Error::other("the file was reopened after a failure")
}

/// Reads the disk's content with the journal applied.
fn read_held(disk: &Disk, journal: &[Step], length: u64, offset: u64, out: &mut [u8]) -> io::Result<()> {
    let end = offset + out.len() as u64;
    if end > length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let on_disk = usize::try_from(disk.len()?.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
    disk.backend.read(offset, &mut out[..on_disk])?;
    out[on_disk..].fill(0);
    for step in journal {
        match step {
            Step::Write(at, data) => overlay(out, offset, *at, data),
            Step::SetLen(new) if *new < end => {
                let kept = usize::try_from(new.saturating_sub(offset)).unwrap_or(0);
                out[kept..].fill(0);
            }
            Step::SetLen(_) | Step::Sync => {}
        }
    }
    Ok(())
}

/// Copies the overlap of `data`, at position `at`, into `out`, at position `offset`.
fn overlay(out: &mut [u8], offset: u64, at: u64, data: &[u8]) {
    let start = at.max(offset);
    let end = (at + data.len() as u64).min(offset + out.len() as u64);
    if start >= end {
        return;
    }
    let range = |base: u64| {
        let place = |position: u64| usize::try_from(position - base).unwrap_or(usize::MAX);
        place(start)..place(end)
    };
    out[range(offset)].copy_from_slice(&data[range(at)]);
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    fn all(backend: &dyn StorageBackend) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(backend.len().unwrap()).unwrap()];
        backend.read(0, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_held_gate_reads_what_was_written_and_changes_nothing_until_it_is_released() {
        let backend = InMemoryBackend::new();
        backend.set_len(8).unwrap();
        backend.write(0, b"original").unwrap();
        let disk = Disk::new(backend);
        let gate = Gate::held(disk.clone()).unwrap();
        gate.write(2, b"XYZ").unwrap();
        gate.set_len(4).unwrap();
        gate.set_len(10).unwrap();
        gate.write(9, b"!").unwrap();
        gate.sync_data().unwrap();
        let expected = b"orXY\0\0\0\0\0!";
        assert_eq!(all(&gate), expected);
        let mut middle = [0; 3];
        gate.read(3, &mut middle).unwrap();
        assert_eq!(&middle, b"Y\0\0");
        assert!(gate.read(8, &mut [0; 3]).is_err());
        assert_eq!(all(&*disk.backend), b"original");
        gate.release().unwrap();
        assert_eq!(all(&*disk.backend), expected);
        gate.write(0, b"R").unwrap();
        assert_eq!(all(&*disk.backend)[0], b'R');
    }

    #[test]
    fn nothing_passes_a_dead_gate() {
        let disk = Disk::new(InMemoryBackend::new());
        let gate = Gate::held(disk.clone()).unwrap();
        gate.release().unwrap();
        gate.kill();
        assert!(gate.write(0, b"x").is_err() && gate.set_len(3).is_err() && gate.sync_data().is_err());
        assert_eq!(disk.len().unwrap(), 0);
    }

    #[test]
    fn checking_for_free_space_restores_the_file() {
        let disk = Disk::new(InMemoryBackend::new());
        disk.backend.set_len(3).unwrap();
        disk.check_free_space(100).unwrap();
        assert_eq!(all(&*disk.backend), [0; 3]);
    }
}
