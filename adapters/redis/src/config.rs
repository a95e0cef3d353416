//! The configuration of the store.

use std::fmt;

use crate::limits::{CONNECT_TIMEOUT_MS, CONNECTIONS_MAX, TIMEOUT_MS};

/// The servers, credentials and limits. `Debug` omits passwords. Start with [`Config::new`], then set fields.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The servers.
    pub servers: Servers,
    /// The user; takes precedence over the one in a URL. Behind Sentinel: the user of the master.
    pub username: Option<String>,
    /// The password; takes precedence over the one in a URL. Behind Sentinel: the password of the master.
    pub password: Option<String>,
    /// Partitions of the topic `orders`, 1 or more.
    pub partitions: u32,
    /// The prefix of every key, so that several systems can share a database: letters, digits, `_`, `-`, `.` and `:`, 64 bytes at
    /// most. Default: empty.
    pub key_prefix: String,
    /// Maximum number of connections, which are opened on demand. Default 16.
    pub connections_max: usize,
    /// Time limit for opening a connection, in milliseconds. Default 2,000.
    pub connect_timeout_ms: u64,
    /// Time limit of a call in milliseconds, with the wait for a connection. Default 5,000.
    pub timeout_ms: u64,
}

/// The addresses of the servers. A URL is `redis://[user[:password]@]host[:port][/database]`; `rediss://` is the same with TLS.
#[derive(Clone, PartialEq, Eq)]
pub enum Servers {
    /// One server.
    Single {
        /// Its URL.
        url: String,
    },
    /// A master and its replicas, watched by Sentinel. Reads and writes go to the master.
    Sentinel {
        /// The URLs of the Sentinels. The user, password, database and TLS of the first URL also apply to the master, unless the
        /// configuration has another user or password.
        urls: Vec<String>,
        /// The name of the master at the Sentinels.
        master: String,
    },
    /// A Redis Cluster.
    Cluster {
        /// The URLs of some nodes; the client discovers the others.
        urls: Vec<String>,
    },
}

impl Config {
    /// One server, and the defaults for all other fields.
    pub fn new(url: impl Into<String>, partitions: u32) -> Self {
        Self {
            servers: Servers::Single { url: url.into() },
            username: None,
            password: None,
            partitions,
            key_prefix: String::new(),
            connections_max: CONNECTIONS_MAX,
            connect_timeout_ms: CONNECT_TIMEOUT_MS,
            timeout_ms: TIMEOUT_MS,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { servers, username, password, partitions, key_prefix, .. } = self;
        let Self { connections_max, connect_timeout_ms, timeout_ms, .. } = self;
        f.debug_struct("Config")
            .field("servers", servers)
            .field("username", username)
            .field("password", &password.as_ref().map(|_| HIDDEN))
            .field("partitions", partitions)
            .field("key_prefix", key_prefix)
            .field("connections_max", connections_max)
            .field("connect_timeout_ms", connect_timeout_ms)
            .field("timeout_ms", timeout_ms)
            .finish()
    }
}

impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |urls: &[String]| urls.iter().map(|url| without_credentials(url)).collect::<Vec<_>>();
        match self {
            Servers::Single { url } => {
                f.debug_struct("Single").field("url", &without_credentials(url)).finish()
            }
            Servers::Sentinel { urls, master } => {
                f.debug_struct("Sentinel").field("urls", &shown(urls)).field("master", master).finish()
            }
            Servers::Cluster { urls } => f.debug_struct("Cluster").field("urls", &shown(urls)).finish(),
        }
    }
}

const HIDDEN: &str = "***";

/// The URL without user, password and query. Also redacts a text that is not a URL, because it may contain a password.
pub(crate) fn without_credentials(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    match rest.rsplit_once('@') {
        Some((_, rest)) => format!("{scheme}{HIDDEN}@{}", without_query(rest)),
        None => format!("{scheme}{}", without_query(rest)),
    }
}

/// Removes the query: in the URL of a Unix socket it can contain a password.
fn without_query(rest: &str) -> &str {
    rest.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_credentials() {
        for (url, shown) in [
            ("redis://localhost", "redis://localhost"),
            ("redis://ann:pass@localhost:1/2", "redis://***@localhost:1/2"),
            ("redis://:p@ss/w:rd@[::1]:1", "redis://***@[::1]:1"),
            ("ann:pass@localhost", "***@localhost"),
            ("redis+unix:///run/redis.sock?pass=secret", "redis+unix:///run/redis.sock"),
            ("", ""),
        ] {
            assert_eq!(without_credentials(url), shown);
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let url = "redis://ann:hunter2@localhost".to_owned();
        for servers in [
            Servers::Single { url: url.clone() },
            Servers::Sentinel { urls: vec![url.clone()], master: "main".into() },
            Servers::Cluster { urls: vec![url.clone(), url.clone()] },
        ] {
            let config = Config { servers, password: Some("hunter3".into()), ..Config::new("", 12) };
            let shown = format!("{config:?} {config:#?}");
            assert!(!shown.contains("hunter"), "{shown}");
            assert!(shown.contains("localhost"), "{shown}");
        }
    }
}
