//! The addresses of the servers, parsed from the configuration.

use std::sync::Arc;

use deadpool_redis::redis::io::tcp::TcpSettings;
use deadpool_redis::redis::{
    ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo,
};

use crate::config::{Config, Servers, without_credentials};
use crate::error::RedisStoreError;

/// The servers, with all that is needed to connect to them.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Server(ConnectionInfo),
    Master(MasterTarget),
    Cluster(Vec<ConnectionInfo>),
}

/// A master that Sentinels know.
#[derive(Debug, Clone)]
pub(crate) struct MasterTarget {
    pub(crate) sentinels: Vec<ConnectionInfo>,
    pub(crate) name: String,
    login: RedisConnectionInfo,
    tls: bool,
}

impl Target {
    pub(crate) fn parse(config: &Config) -> Result<Self, RedisStoreError> {
        match &config.servers {
            Servers::Single { url } => Ok(Target::Server(logged_in(parse(url)?, config))),
            Servers::Sentinel { urls, master } => {
                let sentinels = parse_all(urls)?;
                if master.is_empty() {
                    return Err(invalid(
                        "servers",
                        "has an empty name of the master; set the name that the Sentinels use",
                    ));
                }
                let (first, name) = (&sentinels[0], master.clone());
                let tls = matches!(first.addr(), ConnectionAddr::TcpTls { .. });
                let login = logged_in(first.clone(), config).redis_settings().clone();
                Ok(Target::Master(MasterTarget { sentinels, name, login, tls }))
            }
            Servers::Cluster { urls } => {
                let nodes = parse_all(urls)?.into_iter().map(|node| logged_in(node, config));
                Ok(Target::Cluster(nodes.collect()))
            }
        }
    }

    /// The connection settings for a replica of the server or the master; `None` in a cluster.
    pub(crate) fn replica(&self, host: String, port: u16) -> Option<ConnectionInfo> {
        let (login, tls) = match self {
            Target::Server(server) => {
                (server.redis_settings(), matches!(server.addr(), ConnectionAddr::TcpTls { .. }))
            }
            Target::Master(master) => (&master.login, master.tls),
            Target::Cluster(_) => return None,
        };
        at(host, port, login, tls)
    }

    /// The address for display.
    pub(crate) fn address(&self) -> String {
        let list = |nodes: &[ConnectionInfo]| {
            nodes.iter().map(|node| node.addr().to_string()).collect::<Vec<_>>().join(", ")
        };
        match self {
            Target::Server(server) => server.addr().to_string(),
            Target::Master(MasterTarget { sentinels, name, .. }) => {
                format!("the master {name} (Sentinels {})", list(sentinels))
            }
            Target::Cluster(nodes) => format!("the cluster of {}", list(nodes)),
        }
    }
}

impl MasterTarget {
    /// The connection settings for the master at this address.
    pub(crate) fn at(&self, host: String, port: u16) -> Option<ConnectionInfo> {
        at(host, port, &self.login, self.tls)
    }
}

fn at(host: String, port: u16, login: &RedisConnectionInfo, tls: bool) -> Option<ConnectionInfo> {
    let address = if tls {
        ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
    } else {
        ConnectionAddr::Tcp(host, port)
    };
    let info = address.into_connection_info().ok()?.set_redis_settings(login.clone());
    Some(info.set_tcp_settings(tcp_settings()))
}

/// The name of a server in errors.
pub(crate) fn place_of(address: &str) -> Arc<str> {
    Arc::from(format!("Redis at {address}"))
}

pub(crate) fn invalid(name: &'static str, problem: &'static str) -> RedisStoreError {
    RedisStoreError::InvalidSetting { name, problem }
}

fn parse_all(urls: &[String]) -> Result<Vec<ConnectionInfo>, RedisStoreError> {
    if urls.is_empty() {
        return Err(invalid("servers", "has no URL; add at least one"));
    }
    urls.iter().map(|url| parse(url)).collect()
}

fn parse(url: &str) -> Result<ConnectionInfo, RedisStoreError> {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !cfg!(feature = "tls") && matches!(scheme.as_deref(), Some("rediss" | "valkeys")) {
        return Err(RedisStoreError::NoTls(without_credentials(url)));
    }
    let info = url.into_connection_info().map_err(|error| RedisStoreError::InvalidUrl {
        url: without_credentials(url),
        reason: error.detail().map_or_else(|| error.to_string(), str::to_owned),
    })?;
    // The adapter parses RESP2 replies, so a protocol in the URL is ignored.
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp_settings()))
}

/// Disables Nagle's algorithm: a connection has one request at a time, so there is nothing to coalesce.
fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn logged_in(info: ConnectionInfo, config: &Config) -> ConnectionInfo {
    let mut settings = info.redis_settings().clone();
    if let Some(username) = config.username.as_ref().filter(|name| !name.is_empty()) {
        settings = settings.set_username(username);
    }
    if let Some(password) = config.password.as_ref().filter(|password| !password.is_empty()) {
        settings = settings.set_password(password);
    }
    info.set_redis_settings(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(url: &str) -> Result<ConnectionInfo, RedisStoreError> {
        match Target::parse(&Config::new(url, 12))? {
            Target::Server(info) => Ok(info),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_url_has_the_address_and_the_user() {
        let info = single("redis://ann:p%40ss@example:7000/3?protocol=resp3").expect("a URL");
        assert_eq!(info.addr().to_string(), "example:7000");
        let settings = info.redis_settings();
        assert_eq!((settings.username(), settings.password(), settings.db()), (Some("ann"), Some("p@ss"), 3));
        assert_eq!(settings.protocol(), ProtocolVersion::RESP2);
    }

    #[test]
    fn the_configuration_takes_precedence_over_the_url() {
        let config = Config { password: Some("new".into()), ..Config::new("redis://ann:old@h", 1) };
        let Ok(Target::Server(info)) = Target::parse(&config) else { panic!("no server") };
        assert_eq!(
            (info.redis_settings().username(), info.redis_settings().password()),
            (Some("ann"), Some("new"))
        );
        let config = Config { username: Some("bob".into()), password: Some(String::new()), ..config };
        let Ok(Target::Server(info)) = Target::parse(&config) else { panic!("no server") };
        assert_eq!(
            (info.redis_settings().username(), info.redis_settings().password()),
            (Some("bob"), Some("old"))
        );
    }

    #[test]
    fn an_invalid_url_is_reported_without_its_secrets() {
        for url in
            ["http://ann:hunter2@h", "ann:hunter2@h:1", "redis://ann:hunter2@", "redis://ann:hunter2@h/x"]
        {
            let error = single(url).expect_err("no URL").to_string();
            assert!(!error.contains("hunter2") && error.contains("***@"), "{error}");
        }
        let error = single("redis//h").expect_err("no URL").to_string();
        assert!(error.contains("`redis//h`"), "{error}");
    }

    #[test]
    fn tls_is_a_feature() {
        let parsed = single("rediss://ann:hunter2@h");
        if cfg!(feature = "tls") {
            assert!(matches!(parsed.expect("a URL").addr(), ConnectionAddr::TcpTls { .. }));
        } else {
            let error = parsed.expect_err("no TLS").to_string();
            assert!(error.contains("`tls`") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn sentinels_log_in_by_their_urls_and_the_master_by_the_configuration() {
        let servers = Servers::Sentinel {
            urls: vec!["redis://:watch@a:26379/2".into(), "redis://b:26379".into()],
            master: "main".into(),
        };
        let config = Config { servers, password: Some("data".into()), ..Config::new("", 1) };
        let target = Target::parse(&config).expect("a target");
        assert_eq!(target.address(), "the master main (Sentinels a:26379, b:26379)");
        let Target::Master(master) = target else { panic!("no master") };
        assert_eq!(master.sentinels[0].redis_settings().password(), Some("watch"));
        assert_eq!(master.sentinels[1].redis_settings().password(), None);
        let info = master.at("c".into(), 6379).expect("an address");
        assert_eq!((info.redis_settings().password(), info.redis_settings().db()), (Some("data"), 2));
    }

    #[test]
    fn an_empty_list_or_name_is_refused() {
        let target = |servers| Target::parse(&Config { servers, ..Config::new("", 1) });
        assert!(target(Servers::Cluster { urls: Vec::new() }).is_err());
        let urls = vec!["redis://a".to_owned()];
        assert!(target(Servers::Sentinel { urls: urls.clone(), master: String::new() }).is_err());
        let cluster = target(Servers::Cluster { urls }).expect("a target");
        assert_eq!(cluster.address(), "the cluster of a:6379");
    }
}
