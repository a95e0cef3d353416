//! The addresses of a host.

use std::io;
use std::net::IpAddr;

use async_trait::async_trait;
use tokio::net::lookup_host;
use tokio::sync::Semaphore;

use crate::options::RESOLUTIONS_MAX;

/// Finds the addresses of a host. Tests bring their own.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// The addresses, in the order in which to try them. The sender checks each one.
    ///
    /// # Errors
    /// The resolution failed.
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the system.
#[derive(Debug)]
pub struct SystemResolver {
    /// A resolution occupies a thread, also after its time limit.
    running: Semaphore,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self { running: Semaphore::new(RESOLUTIONS_MAX) }
    }
}

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let _running = self.running.acquire().await;
        Ok(lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
    }
}
