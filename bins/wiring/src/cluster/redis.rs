//! Flags of Redis.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hyper::Uri;
use logistics_redis::{Config, Servers};

use super::secret::{Secret, either};
use super::settings::Settings;
use logistics_cli_kit::Failure;

/// Flags of Redis: its addresses and the credentials.
#[derive(Args, Debug, Clone)]
pub struct RedisArgs {
    /// Redis as redis://host:port or rediss://host:port. Several, separated by commas, in the modes sentinel and cluster
    // A URL may contain a password, so it is a secret. clap would quote an invalid one, so `urls` checks it.
    #[arg(
        long,
        env = "LOGISTICS_REDIS_URL",
        default_value = "redis://127.0.0.1:6379",
        hide_env_values = true
    )]
    redis_url: Secret,
    /// What is at the URL: one server, its sentinels, or a cluster
    #[arg(long, env = "LOGISTICS_REDIS_MODE", value_enum, default_value_t = Mode::Single)]
    redis_mode: Mode,
    /// The sentinels' name of the server, in the mode sentinel
    #[arg(long, env = "LOGISTICS_REDIS_SENTINEL_MASTER", value_name = "NAME")]
    redis_sentinel_master: Option<String>,
    /// The prefix of every key, so that several systems can share a database: letters, digits, _, -, . and :
    #[arg(long, env = "LOGISTICS_REDIS_KEY_PREFIX", value_name = "PREFIX", default_value = "")]
    redis_key_prefix: String,
    /// The username [default: that of the URL, or Redis's own]
    #[arg(long, env = "LOGISTICS_REDIS_USERNAME")]
    redis_username: Option<String>,
    /// The password. Prefer the environment or a file: every user of a machine can read its command lines
    #[arg(long, env = "LOGISTICS_REDIS_PASSWORD", hide_env_values = true)]
    redis_password: Option<Secret>,
    /// A file with the password
    #[arg(long, env = "LOGISTICS_REDIS_PASSWORD_FILE", value_name = "FILE")]
    redis_password_file: Option<PathBuf>,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Single,
    Sentinel,
    Cluster,
}

impl RedisArgs {
    /// The flags as the environment of another process.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings::new()
            .with("LOGISTICS_REDIS_URL", self.redis_url.reveal())
            .choice("LOGISTICS_REDIS_MODE", &self.redis_mode)
            .maybe("LOGISTICS_REDIS_SENTINEL_MASTER", self.redis_sentinel_master.as_ref())
            .with("LOGISTICS_REDIS_KEY_PREFIX", &self.redis_key_prefix)
            .maybe("LOGISTICS_REDIS_USERNAME", self.redis_username.as_ref())
            .maybe("LOGISTICS_REDIS_PASSWORD", self.redis_password.as_ref().map(Secret::reveal))
            .maybe("LOGISTICS_REDIS_PASSWORD_FILE", self.redis_password_file.as_ref())
    }

    /// The adapter's configuration.
    ///
    /// # Errors
    /// If flags contradict each other or a file cannot be read. The text contains no secret.
    pub fn config(&self, partitions: u32) -> Result<Config, Failure> {
        let urls = self.urls()?;
        let mut config = Config::new(urls.first().cloned().unwrap_or_default(), partitions);
        config.servers = self.servers(urls)?;
        config.key_prefix.clone_from(&self.redis_key_prefix);
        config.username.clone_from(&self.redis_username);
        let file = self.redis_password_file.as_deref();
        config.password = either(self.redis_password.as_ref(), file, "--redis-password")?;
        Ok(config)
    }

    fn servers(&self, mut urls: Vec<String>) -> Result<Servers, Failure> {
        if self.redis_mode != Mode::Sentinel && self.redis_sentinel_master.is_some() {
            return Err(Failure::usage("--redis-sentinel-master needs --redis-mode sentinel"));
        }
        match self.redis_mode {
            Mode::Cluster => Ok(Servers::Cluster { urls }),
            Mode::Sentinel => {
                let missing = || Failure::usage("--redis-mode sentinel needs --redis-sentinel-master");
                Ok(Servers::Sentinel {
                    urls,
                    master: self.redis_sentinel_master.clone().ok_or_else(missing)?,
                })
            }
            Mode::Single if urls.len() == 1 => Ok(Servers::Single { url: urls.remove(0) }),
            Mode::Single => {
                let message = "--redis-url names several servers: add --redis-mode sentinel or cluster";
                Err(Failure::usage(message))
            }
        }
    }

    fn urls(&self) -> Result<Vec<String>, Failure> {
        let urls: Vec<_> = self.redis_url.reveal().split(',').map(|url| url.trim().to_owned()).collect();
        for (place, url) in (1..).zip(&urls) {
            let scheme = scheme(url).ok_or_else(|| {
                let which = if urls.len() > 1 { format!(" (number {place})") } else { String::new() };
                Failure::usage(format!("--redis-url{which} is no address such as redis://127.0.0.1:6379"))
            })?;
            if scheme == "rediss" && !cfg!(feature = "tls") {
                let message = "--redis-url needs TLS, which this build lacks: build it with --features tls";
                return Err(Failure::usage(message));
            }
        }
        Ok(urls)
    }
}

/// The scheme of an address of Redis. `None` if it is invalid.
fn scheme(url: &str) -> Option<&'static str> {
    let uri: Uri = url.parse().ok()?;
    uri.host().filter(|host| !host.is_empty())?;
    ["redis", "rediss"].into_iter().find(|scheme| uri.scheme_str() == Some(scheme))
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    const SECRET: &str = "hunter2";

    fn args(args: &[&str]) -> RedisArgs {
        // Without the environment of the test.
        let command = RedisArgs::augment_args(Command::new("test"));
        let names: Vec<_> = command.get_arguments().map(|arg| arg.get_id().clone()).collect();
        let command = names
            .into_iter()
            .fold(command, |command, name| command.mut_arg(name, |arg| arg.env(None::<&str>)));
        let matches = command.get_matches_from([&["test"], args].concat());
        RedisArgs::from_arg_matches(&matches).expect("the flags can be read")
    }

    fn refused(flags: &[&str], part: &str) {
        let Err(failure) = args(flags).config(12) else { panic!("{flags:?} does not fit") };
        assert!(failure.message.contains(part), "{flags:?}: {}", failure.message);
        assert!(!failure.message.contains(SECRET), "{flags:?}: {}", failure.message);
    }

    fn servers(flags: &[&str]) -> Servers {
        args(flags).config(12).expect("the flags fit").servers
    }

    #[test]
    fn the_mode_determines_the_servers_at_the_urls() {
        assert!(matches!(servers(&[]), Servers::Single { url } if url == "redis://127.0.0.1:6379"));
        let two = ["--redis-url", "redis://a:1, redis://b:2"];
        let cluster = servers(&[&two[..], &["--redis-mode", "cluster"]].concat());
        assert!(matches!(cluster, Servers::Cluster { urls } if urls == ["redis://a:1", "redis://b:2"]));
        let sentinel = ["--redis-mode", "sentinel"];
        let master = ["--redis-sentinel-master", "orders"];
        let known = servers(&[&two[..], &sentinel, &master].concat());
        assert!(matches!(known, Servers::Sentinel { urls, master } if urls.len() == 2 && master == "orders"));
        refused(&two, "--redis-mode sentinel or cluster");
        refused(&sentinel, "--redis-sentinel-master");
        refused(&master, "--redis-mode sentinel");
    }

    #[test]
    fn an_invalid_address_is_not_quoted_because_it_may_contain_a_password() {
        let secret = format!("http://amir:{SECRET}@there");
        for wrong in [&*secret, "", "there", "redis://", "redis:///0"] {
            refused(&["--redis-url", wrong], "--redis-url is no address such as redis://127.0.0.1:6379");
        }
        refused(&["--redis-url", "redis://a,b"], "--redis-url (number 2) is no address");
        let given = args(&["--redis-url", &secret, "--redis-password", SECRET]);
        assert!(!format!("{given:?}").contains(SECRET));
        if !cfg!(feature = "tls") {
            refused(&["--redis-url", "rediss://there:6379"], "build it with --features tls");
        }
    }

    #[test]
    fn the_settings_contain_every_flag() {
        let command = RedisArgs::augment_args(Command::new("test"));
        let variables = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str().map(str::to_owned));
        let given = args(&[
            "--redis-mode=sentinel",
            "--redis-sentinel-master=m",
            "--redis-username=u",
            "--redis-password=p",
            "--redis-password-file=f",
        ]);
        let handed: Vec<_> = given.settings().into_iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(handed, variables.collect::<Vec<_>>());
    }

    #[test]
    fn a_password_has_one_source() {
        let password = ["--redis-password", SECRET];
        let config = args(&password).config(12).expect("it fits");
        assert_eq!(config.password.as_deref(), Some(SECRET));
        assert_eq!(args(&["--redis-password", ""]).config(12).expect("it fits").password, None);
        refused(&[&password[..], &["--redis-password-file", "f"]].concat(), "not both");
    }
}
