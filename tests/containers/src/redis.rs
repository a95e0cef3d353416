//! Redis in a container.

use std::ops::Deref;
use std::time::Duration;

use logistics_test_support::free_port;
use testcontainers_modules::testcontainers::core::{ContainerPort, WaitFor};
use testcontainers_modules::testcontainers::runners::AsyncRunner;
use testcontainers_modules::testcontainers::{GenericImage, ImageExt};

use crate::image::{Machine, named};

/// One server. It is removed on drop.
pub struct Redis {
    machine: Machine,
    port: u16,
}

impl Redis {
    /// Starts a server that keeps its data over a restart.
    ///
    /// # Panics
    /// If the server cannot be started.
    pub async fn start() -> Self {
        Self::start_with(|_| vec!["--appendonly".to_owned(), "yes".to_owned()]).await
    }

    /// Starts a server with these arguments, made from its published port.
    ///
    /// # Panics
    /// If the server cannot be started.
    pub async fn start_with(arguments: impl FnOnce(u16) -> Vec<String>) -> Self {
        let (name, tag) = named("REDIS_IMAGE", "redis:7.0");
        let port = free_port();
        let command: Vec<String> = ["redis-server".to_owned()].into_iter().chain(arguments(port)).collect();
        let image = GenericImage::new(name, tag)
            .with_wait_for(WaitFor::message_on_stdout("Ready to accept connections"))
            .with_mapped_port(port, ContainerPort::Tcp(6379))
            .with_startup_timeout(Duration::from_secs(60))
            .with_cmd(command);
        let container = image.start().await.expect("a Redis starts");
        Self { machine: Machine(container), port }
    }

    /// The published port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Runs `redis-cli` in it and returns its output without the final newline.
    ///
    /// # Panics
    /// If the command cannot be run.
    pub async fn cli(&self, arguments: &[&str]) -> String {
        let line = ["redis-cli"].into_iter().chain(arguments.iter().copied());
        self.machine.exec(line).await.trim_end().to_owned()
    }
}

impl Deref for Redis {
    type Target = Machine;

    fn deref(&self) -> &Machine {
        &self.machine
    }
}
