//! The engine: opens the file, starts the writer, and provides the ports.

use std::fmt;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::observe::StoreReading;
use logistics_core::port::{EventBus, OrderStore, PortError};

use crate::config::Config;
use crate::error::EmbeddedError;
use crate::file::usage::usage;
use crate::file::{DataDir, DataFile, Opened};
use crate::handle::Handle;
use crate::log::bus::Bus;
use crate::shared::{EngineStatus, Shared};
use crate::store::Store;
use crate::writer::Writer;
use crate::writer::queue::{Queue, Queued};

/// Log, documents, timers and checkpoints in one durable local file. Clones are the same engine.
///
/// Use its ports within a tokio runtime. The engine closes in the background when its last clone and the last port are dropped.
/// [`Engine::close`] waits for that.
#[derive(Clone)]
pub struct Engine {
    handle: Arc<Handle>,
    /// `None` on a disk of the caller.
    data_file: Option<Arc<Path>>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Engine {
    /// Opens the data file of a directory, or creates both. After a crash, it recovers everything that was durable.
    ///
    /// # Errors
    /// [`EmbeddedError`]: the directory is unusable or in use; the file is damaged, has another format, or has another
    /// partition count. A rejected file is left unchanged.
    pub fn open(config: Config) -> Result<Self, EmbeddedError> {
        config.check()?;
        let directory = DataDir::lock(&config.data_dir)?;
        Self::open_in(directory, &config)
    }

    /// Opens the data file of a directory, for tools that inspect or repair it. Creates nothing.
    ///
    /// # Errors
    /// As for [`Engine::open`], and [`EmbeddedError::Missing`] if there is no data file.
    pub fn open_existing(config: Config) -> Result<Self, EmbeddedError> {
        config.check()?;
        let directory = DataDir::lock_existing(&config.data_dir)?;
        Self::open_in(directory, &config)
    }

    fn open_in(directory: DataDir, config: &Config) -> Result<Self, EmbeddedError> {
        let (file, opened) = directory.open(config)?;
        let found = opened.state.partitions();
        if let Some(asked) = config.partitions.filter(|asked| *asked != found) {
            return Err(EmbeddedError::Partitions { place: file.place, found, asked });
        }
        Self::start(file, opened, config.tail_bytes, Some(directory))
    }

    /// Opens the data on a disk that the caller provides, or creates it if the disk is empty. For tests with a disk that is
    /// full, fails, or loses unsynced writes.
    ///
    /// # Errors
    /// As for [`Engine::open`].
    #[cfg(feature = "testkit")]
    pub fn open_on(disk: impl redb::StorageBackend, config: &Config) -> Result<Self, EmbeddedError> {
        config.check()?;
        let (file, opened) = DataFile::on(disk, config)?;
        Self::start(file, opened, config.tail_bytes, None)
    }

    /// Starts the writer on an open file. The writer's thread keeps the directory locked.
    fn start(
        file: DataFile,
        opened: Opened,
        tail_bytes: usize,
        directory: Option<DataDir>,
    ) -> Result<Self, EmbeddedError> {
        let shared = Arc::new(Shared::new(file.place.clone(), opened.state.clone(), tail_bytes));
        let (queue, requests) = Queue::new(file.place.clone());
        let writer = Writer::new(shared.clone(), file, opened);
        let data_file = directory.as_ref().map(|directory| Arc::from(directory.file_path()));
        let thread = spawn(writer, requests, directory)?;
        let handle = Arc::new(Handle { shared, queue });
        Ok(Self { handle, data_file, writer: Arc::new(Mutex::new(Some(thread))) })
    }

    /// The log.
    #[must_use]
    pub fn bus(&self) -> Arc<dyn EventBus> {
        Arc::new(Bus(self.handle.clone()))
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> Arc<dyn OrderStore> {
        Arc::new(Store(self.handle.clone()))
    }

    /// Partitions of every topic.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.handle.shared.partitions
    }

    /// The length of the data file in bytes. Its limit is this length and the free space of the file system.
    ///
    /// # Errors
    /// `Unavailable` if the system does not answer.
    pub async fn usage(&self) -> Result<StoreReading, PortError> {
        let Some(file) = self.data_file.clone() else { return Ok(StoreReading::default()) };
        let usage = tokio::task::spawn_blocking(move || usage(&file));
        // Fails only when the runtime shuts down.
        let usage = usage.await.map_err(|_| PortError::from(EmbeddedError::Closed))?;
        Ok(usage.map_err(|error| EmbeddedError::from_io(&self.handle.shared.place, &error))?)
    }

    /// Completes the queued requests, syncs the file, closes it and unlocks the directory. Later calls of a port fail as
    /// `Closed`. Blocks until the file is closed; a second call does nothing.
    ///
    /// # Errors
    /// [`EmbeddedError`] if the last writes failed. Acknowledged writes are durable nevertheless.
    pub fn close(&self) -> Result<(), EmbeddedError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = writer else { return Ok(()) };
        let mut answer = self.handle.queue.close();
        let ended = writer.join();
        let closed = answer.try_recv().unwrap_or(Ok(()));
        match ended {
            Ok(()) => closed,
            Err(_) => {
                let reason = "the writer thread panicked".to_owned();
                Err(EmbeddedError::Unavailable { place: self.handle.shared.place.clone(), reason })
            }
        }
    }
}

fn spawn(
    mut writer: Writer,
    requests: Receiver<Queued>,
    directory: Option<DataDir>,
) -> Result<JoinHandle<()>, EmbeddedError> {
    let place = writer.place();
    let run = move || {
        writer.run(&requests);
        // The lock is released last, so that the next engine opens a file that has no writer.
        drop((writer, directory));
    };
    let thread = thread::Builder::new().name("logistics-writer".to_owned()).spawn(run);
    thread.map_err(|error| EmbeddedError::Unavailable { place, reason: error.to_string() })
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("place", &self.handle.shared.place).finish_non_exhaustive()
    }
}

impl HealthProbe for Engine {
    fn health(&self) -> Health {
        let (ready, detail) = match self.handle.shared.status() {
            EngineStatus::Ready => (true, format!("{} is open", self.handle.shared.place)),
            EngineStatus::Retrying(error) => (false, format!("retrying: {error}")),
            EngineStatus::Stopped(error) => (false, error.to_string()),
        };
        Health { parts: vec![PartHealth { name: "engine".to_owned(), ready, detail }] }
    }
}
