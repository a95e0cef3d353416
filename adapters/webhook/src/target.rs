//! Where a message goes: the canonical form of an endpoint's URL.

use std::net::IpAddr;

use hyper::header::HeaderValue;
use logistics_core::webhook::{EndpointUrl, SendError, SendErrorKind};
use rustls::pki_types::ServerName;
use url::{Host, Url};

/// A host and a port of a scheme: connections are kept by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Origin {
    pub(crate) is_https: bool,
    pub(crate) host: Host<String>,
    pub(crate) port: u16,
}

impl Origin {
    /// The name in the certificate.
    ///
    /// # Errors
    /// The host is no valid name.
    pub(crate) fn server_name(&self) -> Result<ServerName<'static>, SendError> {
        let unusable =
            |_| SendError::new(SendErrorKind::NotPermitted, "the host of the URL is no valid name");
        match &self.host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(unusable),
            Host::Ipv4(address) => Ok(ServerName::IpAddress(IpAddr::V4(*address).into())),
            Host::Ipv6(address) => Ok(ServerName::IpAddress(IpAddr::V6(*address).into())),
        }
    }
}

/// The canonical form of a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    /// The path and the query.
    pub(crate) path: String,
    /// The header `host`.
    pub(crate) host: HeaderValue,
}

impl Target {
    /// Parses a URL as browsers do: a host in decimal, octal or hexadecimal numbers becomes the IPv4 address that it means, and an
    /// international name becomes Punycode.
    ///
    /// # Errors
    /// [`SendErrorKind::NotPermitted`] for a URL without a host, and for `http` unless it is allowed.
    pub(crate) fn of(url: &EndpointUrl, allow_http: bool) -> Result<Self, SendError> {
        let refused = |why: &str| SendError::new(SendErrorKind::NotPermitted, why);
        let url = Url::parse(url.as_str()).map_err(|_| refused("the URL cannot be parsed"))?;
        let is_https = url.scheme() == "https";
        if !is_https && (url.scheme() != "http" || !allow_http) {
            return Err(refused("this process sends to https only"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused("the URL has a user"));
        }
        let host = url.host().ok_or_else(|| refused("the URL has no host"))?.to_owned();
        let port = url.port_or_known_default().ok_or_else(|| refused("the URL has no port"))?;
        let text = url.port().map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
        let header =
            HeaderValue::from_str(&text).map_err(|_| refused("the host of the URL is no valid name"))?;
        let path =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Ok(Self { origin: Origin { is_https, host, port }, path, host: header })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn target(url: &str) -> Result<Target, SendError> {
        Target::of(&url.parse().unwrap(), true)
    }

    #[test]
    fn every_form_of_an_address_is_the_same_address() {
        for host in ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.1", "017700000001"]
        {
            let target = target(&format!("http://{host}/x")).unwrap();
            assert_eq!(target.origin.host, Host::Ipv4(Ipv4Addr::LOCALHOST), "{host}");
            assert_eq!(target.host, "127.0.0.1");
        }
        for host in ["[::1]", "[0:0:0:0:0:0:0:1]"] {
            assert_eq!(target(&format!("http://{host}/")).unwrap().host, "[::1]");
        }
    }

    #[test]
    fn the_path_and_the_query_are_kept_and_the_usual_port_is_not_named() {
        let target = target("https://Shop.Example:443/a/b?c=d%20e").unwrap();
        assert_eq!((target.path.as_str(), target.host.to_str().unwrap()), ("/a/b?c=d%20e", "shop.example"));
        assert_eq!((target.origin.is_https, target.origin.port), (true, 443));
    }

    #[test]
    fn http_needs_permission() {
        let refused = Target::of(&"http://shop.example/".parse().unwrap(), false).unwrap_err();
        assert_eq!(refused.kind(), SendErrorKind::NotPermitted);
        for host in ["1.2.3.4.5", "256.1.1.1", "0x1ffffffff"] {
            let refused = target(&format!("https://{host}/")).unwrap_err();
            assert_eq!(refused.kind(), SendErrorKind::NotPermitted, "{host}");
        }
    }
}
