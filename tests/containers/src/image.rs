//! Which images, and what every container can do.

use std::net::TcpListener;

use testcontainers_modules::testcontainers::bollard::Docker;
use testcontainers_modules::testcontainers::{ContainerAsync, GenericImage};

/// The image that a variable names, as name and tag.
#[must_use]
pub fn named(variable: &str, default: &str) -> (String, String) {
    let image = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name.to_owned(), tag.to_owned()),
        _ => (image, "latest".to_owned()),
    }
}

/// A port of this machine that is free now. A container keeps it over its restarts, so that whoever is connected finds it
/// again.
///
/// # Panics
/// Where there is none.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A container that can be stopped in several ways.
pub(crate) struct Machine(pub(crate) ContainerAsync<GenericImage>);

impl Machine {
    /// Stops every process of it where it stands.
    pub(crate) async fn pause(&self) {
        self.0.pause().await.expect("the container can be paused");
    }

    pub(crate) async fn unpause(&self) {
        self.0.unpause().await.expect("the container can go on");
    }

    /// SIGKILL.
    pub(crate) async fn kill(&self) {
        let docker = Docker::connect_with_defaults().expect("the Docker engine");
        docker.kill_container(self.0.id(), None).await.expect("the container can be killed");
    }

    /// In order, with ten seconds to end.
    pub(crate) async fn stop(&self) {
        self.0.stop_with_timeout(Some(10)).await.expect("the container can be stopped");
    }

    /// Again, with the data and the port that it had.
    pub(crate) async fn start(&self) {
        let docker = Docker::connect_with_defaults().expect("the Docker engine");
        docker.start_container(self.0.id(), None).await.expect("the container starts again");
    }
}
