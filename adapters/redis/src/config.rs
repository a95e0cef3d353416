//! What the store is built from.

use std::fmt;

use crate::limits::{CONNECT_TIMEOUT_MS, CONNECTIONS_MAX, TIMEOUT_MS};

/// Where the servers are, and how to talk to them. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Config {
    /// The servers.
    pub servers: Servers,
    /// The user to log in as; goes before the one in a URL. Behind Sentinel: the user of the master.
    pub username: Option<String>,
    /// The password; goes before the one in a URL. Behind Sentinel: the password of the master.
    pub password: Option<String>,
    /// Partitions of the topic `orders`.
    pub partitions: u32,
    /// What stands before every key, so that several systems can share a database: letters, digits, `_`, `-`, `.` and `:`, 64
    /// at most. Default: nothing.
    pub key_prefix: String,
    /// Connections at most; they are opened as they are needed.
    pub connections_max: usize,
    /// How long a connection may take to be there.
    pub connect_timeout_ms: u64,
    /// How long a call may take, with the wait for a connection.
    pub timeout_ms: u64,
}

/// Where the servers are. A URL is `redis://[user[:password]@]host[:port][/database]`; `rediss://` is the same with TLS.
#[derive(Clone, PartialEq, Eq)]
pub enum Servers {
    /// One server.
    Single {
        /// Its URL.
        url: String,
    },
    /// A master and its replicas, watched by Sentinel. Reads and writes go to the master.
    Sentinel {
        /// The URLs of the Sentinels. What they say about user, password, database and TLS holds for the master too, where
        /// the configuration does not name another user or password.
        urls: Vec<String>,
        /// What the Sentinels call the master.
        master: String,
    },
    /// A Redis Cluster.
    Cluster {
        /// The URLs of some of its nodes; the others are found.
        urls: Vec<String>,
    },
}

impl Config {
    /// One server, with the defaults for everything else.
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

/// A URL that may be shown. It also has to do for a text that is no URL: a password may hold any character.
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

/// The query of a Unix socket's URL can hold a password.
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
