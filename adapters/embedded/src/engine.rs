//! The engine: opens the file, starts the writer, and hands out the ports.

use std::fmt;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use logistics_core::health::{Health, HealthProbe, PartHealth};
use logistics_core::port::{EventBus, OrderStore};

use crate::config::Config;
use crate::error::EmbeddedError;
use crate::file::{DataDir, DataFile, Opened};
use crate::handle::Handle;
use crate::log::bus::Bus;
use crate::shared::{Shared, Standing};
use crate::store::Store;
use crate::writer::Writer;
use crate::writer::queue::{Queue, Queued};

/// Log, documents, timers and checkpoints in one durable local file. Clones are the same engine.
///
/// Its ports are to be used within a tokio runtime. Dropping the last clone, and everything that came from it, closes the
/// engine in the background; [`Engine::close`] waits for it.
#[derive(Clone)]
pub struct Engine {
    handle: Arc<Handle>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Engine {
    /// Opens the data of a directory, and makes it where there is none. After a crash this takes in what was durable.
    ///
    /// # Errors
    /// [`EmbeddedError`]: the directory cannot be used or is in use, the file is damaged, of another format, or was made
    /// with another number of partitions. Nothing is changed in a file that is refused.
    pub fn open(config: Config) -> Result<Self, EmbeddedError> {
        config.check()?;
        let directory = DataDir::lock(&config.data_dir)?;
        Self::open_in(directory, &config)
    }

    /// Opens the data that a directory has, for whoever looks at it or mends it.
    ///
    /// # Errors
    /// As for [`Engine::open`], and where there is no data.
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

    /// Opens the data that stands on a disk of the caller's making, and makes it where the disk is empty: for tests of what
    /// happens when a disk is full, fails, or loses what was not synced.
    ///
    /// # Errors
    /// As for [`Engine::open`].
    #[cfg(feature = "testkit")]
    pub fn open_on(disk: impl redb::StorageBackend, config: &Config) -> Result<Self, EmbeddedError> {
        config.check()?;
        let (file, opened) = DataFile::on(disk, config)?;
        Self::start(file, opened, config.tail_bytes, None)
    }

    /// Runs on a file that is open, and holds the directory as long as it does.
    fn start(
        file: DataFile,
        opened: Opened,
        tail_bytes: usize,
        directory: Option<DataDir>,
    ) -> Result<Self, EmbeddedError> {
        let shared = Arc::new(Shared::new(file.place.clone(), opened.state.clone(), tail_bytes));
        let (queue, requests) = Queue::new(file.place.clone());
        let writer = Writer::new(shared.clone(), file, opened);
        let thread = spawn(writer, requests, directory)?;
        Ok(Self { handle: Arc::new(Handle { shared, queue }), writer: Arc::new(Mutex::new(Some(thread))) })
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

    /// Finishes what is queued, brings everything to the disk and closes the file, so that the directory is free. From then
    /// on every call of a port fails as `Closed`. Blocks until it is done; a second call does nothing.
    ///
    /// # Errors
    /// [`EmbeddedError`] when the last of it could not be written; what was acknowledged is durable all the same.
    pub fn close(&self) -> Result<(), EmbeddedError> {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = writer else { return Ok(()) };
        let mut answer = self.handle.queue.close();
        let ended = writer.join();
        let closed = answer.try_recv().unwrap_or(Ok(()));
        match ended {
            Ok(()) => closed,
            Err(_) => {
                let reason = "its writer ended in a panic".to_owned();
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
        // The lock goes last: whoever gets it finds a file that nobody writes to.
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
        let (ready, detail) = match self.handle.shared.standing() {
            Standing::Working => (true, format!("{} is open", self.handle.shared.place)),
            Standing::Waiting(error) => (false, format!("trying again: {error}")),
            Standing::Over(error) => (false, error.to_string()),
        };
        Health { parts: vec![PartHealth { name: "engine".to_owned(), ready, detail }] }
    }
}
