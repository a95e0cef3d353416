//! The system of `deploy/compose.yaml`, under a name of its own, so that it runs beside any other.

use std::net::SocketAddr;
use std::process::{Command, id};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

use logistics_test_support::free_port;

use crate::command::{Ran, run};
use crate::project;

/// A first build compiles everything.
const BUILD: Duration = Duration::from_secs(40 * 60);
/// Everything else that the tool does.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// `docker compose` can be used.
#[must_use]
pub fn is_there() -> bool {
    succeeds(&["compose", "version"])
}

/// A Docker engine answers.
#[must_use]
pub fn docker_answers() -> bool {
    succeeds(&["info"])
}

fn succeeds(arguments: &[&str]) -> bool {
    Command::new("docker").args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Runs the Docker client.
///
/// # Panics
/// When it does not end.
pub fn docker(arguments: &[&str]) -> Ran {
    run(Command::new("docker").args(arguments), PATIENCE)
}

/// The image under test. The first test that needs it builds it; dropping this value removes it.
#[derive(Default)]
pub struct Image(OnceLock<String>);

impl Image {
    /// Its name.
    ///
    /// # Panics
    /// When it cannot be built.
    pub fn name(&self) -> &str {
        self.0.get_or_init(|| {
            let name = format!("logistics-deployment-tests:{}", id());
            let mut build = Command::new("docker");
            build.args(["build", "--file", "deploy/Dockerfile", "--tag", &name, "."]);
            build.current_dir(project()).env("DOCKER_BUILDKIT", "1");
            run(&mut build, BUILD).expect();
            name
        })
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if let Some(name) = self.0.get() {
            docker(&["image", "rm", "--force", name]);
        }
    }
}

/// One system. It goes with this value, with its data.
pub struct Project {
    name: String,
    image: Arc<Image>,
    api_port: u16,
    kafka_port: u16,
    settings: Vec<(String, String)>,
}

impl Project {
    /// A system that is not there yet.
    #[must_use]
    pub fn new(image: &Arc<Image>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self {
            name: format!("logistics-test-{}-{number}", id()),
            image: image.clone(),
            api_port: free_port(),
            kafka_port: free_port(),
            settings: Vec::new(),
        }
    }

    /// From now on this setting is made, in the place of what it was before.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(other, _)| other != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Where its API is.
    #[must_use]
    pub fn api(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.api_port).into()
    }

    /// Where its broker is, for clients on this machine.
    #[must_use]
    pub fn kafka(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.kafka_port).into()
    }

    /// Runs `docker compose` on it.
    ///
    /// # Panics
    /// When that does not end.
    pub fn compose(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new("docker");
        // No setting of the machine that runs the tests.
        for (name, _) in std::env::vars_os() {
            let ours = |prefix| name.to_str().is_some_and(|name| name.starts_with(prefix));
            if ours("LOGISTICS_") || ours("COMPOSE_") {
                command.env_remove(&name);
            }
        }
        command.args(["compose", "--file", "deploy/compose.yaml", "--env-file", "/dev/null"]);
        command.args(["--project-name", &self.name, "--progress", "plain"]).args(arguments);
        command.current_dir(project());
        command.env("SERVICES_IMAGE", self.image.name());
        command.env("API_PORT", self.api_port.to_string());
        command.env("KAFKA_PORT", self.kafka_port.to_string());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        run(&mut command, PATIENCE)
    }

    /// Brings it up, so many processors of it, and waits until everything is ready.
    ///
    /// # Panics
    /// When it never is.
    pub fn up(&self, processors: usize) {
        let scale = format!("order-processor={processors}");
        self.compose(&["up", "--no-build", "--wait", "--scale", &scale]).expect();
    }

    /// Takes it down. Its data stay.
    ///
    /// # Panics
    /// When that fails.
    pub fn down(&self) {
        self.compose(&["down"]).expect();
    }

    /// What a service has printed, all processes of it.
    ///
    /// # Panics
    /// When that cannot be read.
    #[must_use]
    pub fn logs(&self, service: &str) -> String {
        self.compose(&["logs", "--no-color", "--no-log-prefix", service]).expect()
    }

    /// The containers of a service that run, in no order.
    ///
    /// # Panics
    /// When the tool does not tell.
    #[must_use]
    pub fn containers(&self, service: &str) -> Vec<Container> {
        let printed = self.compose(&["ps", "--quiet", service]).expect();
        printed.lines().map(|id| Container(id.to_owned())).collect()
    }

    /// The only container of a service.
    ///
    /// # Panics
    /// When there are others, or none.
    #[must_use]
    pub fn container(&self, service: &str) -> Container {
        let mut containers = self.containers(service);
        assert_eq!(containers.len(), 1, "containers of {service}");
        containers.remove(0)
    }

    /// Runs the operator's tool beside it.
    ///
    /// # Panics
    /// When that does not end.
    pub fn logistics(&self, arguments: &[&str]) -> Ran {
        let run = ["run", "--rm", "--no-TTY", "logistics"];
        self.compose(&[&run[..], arguments].concat())
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // What is said about a failed test must not be lost to a failure here.
        let down = ["down", "--volumes", "--remove-orphans", "--timeout", "1"];
        let cleaned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.compose(&down)));
        drop(cleaned);
    }
}

/// One container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container(pub String);

impl Container {
    /// Everything that the engine knows of it.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn inspect(&self) -> Value {
        let printed = docker(&["inspect", "--type", "container", &self.0]).expect();
        let mut all: Value = serde_json::from_str(&printed).expect("JSON");
        all[0].take()
    }

    /// What it has printed, since it was made.
    ///
    /// # Panics
    /// When that cannot be read.
    #[must_use]
    pub fn logs(&self) -> String {
        let ran = docker(&["logs", &self.0]);
        assert!(ran.succeeded(), "{}", ran.told());
        ran.stdout + &ran.stderr
    }

    /// How often it was started again by itself.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.inspect()["RestartCount"].as_u64().unwrap_or_default()
    }

    /// Its health check succeeds, or why not.
    ///
    /// # Errors
    /// What the engine says of it.
    pub fn is_healthy(&self) -> Result<(), String> {
        let state = self.inspect()["State"].take();
        if state["Health"]["Status"] == "healthy" && state["Status"] == "running" {
            return Ok(());
        }
        Err(format!("{} is {} and {}", self.0, state["Status"], state["Health"]))
    }

    /// Kills it (SIGKILL). Nothing starts it again: the engine treats it as a manual stop.
    ///
    /// # Panics
    /// When it is not there.
    pub fn kill(&self) {
        docker(&["kill", &self.0]).expect();
    }

    /// Kills its process (SIGKILL) as the system would that lacks memory. `image` has a shell.
    ///
    /// # Panics
    /// When it is not there.
    pub fn crash(&self, image: &str) {
        let pid = self.inspect()["State"]["Pid"].as_u64().filter(|pid| *pid > 0).expect("it runs");
        let host = ["run", "--rm", "--pid", "host", "--network", "none"];
        let kill = format!("kill -9 {pid}");
        docker(&[&host[..], &["--entrypoint", "sh", image, "-c", &kill]].concat()).expect();
    }
}
