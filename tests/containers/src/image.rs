//! Images, and the operations of every container.

use std::time::Duration;

use testcontainers_modules::testcontainers::bollard::Docker;
use testcontainers_modules::testcontainers::core::ExecCommand;
use testcontainers_modules::testcontainers::{ContainerAsync, GenericImage};
use tokio::time::sleep;

/// Attempts to pause a container, and the wait before each further one.
const PAUSE_ATTEMPTS: u32 = 5;
const PAUSE_RETRY: Duration = Duration::from_millis(500);

/// The image that a variable names, as name and tag.
#[must_use]
pub fn named(variable: &str, default: &str) -> (String, String) {
    let image = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name.to_owned(), tag.to_owned()),
        _ => (image, "latest".to_owned()),
    }
}

/// A container that can be paused, stopped or killed. It is removed on drop.
pub struct Machine(pub(crate) ContainerAsync<GenericImage>);

impl Machine {
    /// Pauses every process of the container. On a busy machine, the kernel may need several attempts to freeze them.
    ///
    /// # Panics
    /// If the Docker engine fails.
    pub async fn pause(&self) {
        for _ in 1..PAUSE_ATTEMPTS {
            match self.0.pause().await {
                Ok(()) => return,
                Err(error) if format!("{error:?}").contains("unable to freeze") => sleep(PAUSE_RETRY).await,
                Err(error) => panic!("the container cannot be paused: {error}"),
            }
        }
        self.0.pause().await.expect("the container can be paused");
    }

    /// Resumes a paused container.
    ///
    /// # Panics
    /// If the Docker engine fails.
    pub async fn unpause(&self) {
        self.0.unpause().await.expect("the container can be resumed");
    }

    /// Sends SIGKILL.
    ///
    /// # Panics
    /// If the Docker engine fails.
    pub async fn kill(&self) {
        let docker = Docker::connect_with_defaults().expect("the Docker engine");
        docker.kill_container(self.0.id(), None).await.expect("the container can be killed");
    }

    /// Sends SIGTERM, and SIGKILL after ten seconds.
    ///
    /// # Panics
    /// If the Docker engine fails.
    pub async fn stop(&self) {
        self.0.stop_with_timeout(Some(10)).await.expect("the container can be stopped");
    }

    /// Starts it again with the same data and address.
    ///
    /// # Panics
    /// If the Docker engine fails.
    pub async fn start_again(&self) {
        let docker = Docker::connect_with_defaults().expect("the Docker engine");
        docker.start_container(self.0.id(), None).await.expect("the container starts again");
    }

    /// Runs a command in it and returns its standard output.
    ///
    /// # Panics
    /// If the command cannot be run.
    pub async fn exec<'a>(&self, line: impl IntoIterator<Item = &'a str>) -> String {
        let mut output = self.0.exec(ExecCommand::new(line)).await.expect("the command runs");
        let printed = output.stdout_to_vec().await.expect("its output");
        String::from_utf8_lossy(&printed).into_owned()
    }
}
