//! The URL of an endpoint.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::ids::InvalidText;
use crate::limits::ENDPOINT_URL_BYTES_MAX;

/// The absolute URL of an endpoint: `https` or `http`, a host, and no user, password or fragment; at most 2,048 visible ASCII
/// characters.
///
/// It says where to send, not whether sending there is permitted. A process permits `http` by a setting, and the sender checks
/// the address behind the host for each connection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointUrl(Arc<str>);

impl EndpointUrl {
    /// Parses the text.
    ///
    /// # Errors
    /// [`InvalidText`] with the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidText> {
        match problem(text) {
            Some(problem) => Err(InvalidText::new("url", problem)),
            None => Ok(Self(Arc::from(text))),
        }
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The scheme is `https`.
    #[must_use]
    pub fn is_https(&self) -> bool {
        scheme_of(&self.0).is_some_and(|(is_https, _)| is_https)
    }

    /// The host and the port, without the path and the query, which may contain secrets.
    #[must_use]
    pub fn authority(&self) -> &str {
        scheme_of(&self.0).map_or("", |(_, rest)| authority_of(rest))
    }
}

/// Whether the scheme is `https`, and what follows it.
fn scheme_of(text: &str) -> Option<(bool, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Some((true, rest)),
        "http" => Some((false, rest)),
        _ => None,
    }
}

fn authority_of(rest: &str) -> &str {
    rest.split(['/', '?']).next().unwrap_or_default()
}

fn problem(text: &str) -> Option<String> {
    if text.len() > ENDPOINT_URL_BYTES_MAX {
        return Some(format!("has {} bytes; the limit is {ENDPOINT_URL_BYTES_MAX}", text.len()));
    }
    // Parsers of URLs read a backslash as a slash, so it could hide a host.
    if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return Some(
            "must consist of visible ASCII characters; write an international host in Punycode".to_owned(),
        );
    }
    let Some((_, rest)) = scheme_of(text) else { return Some("must begin with https://".to_owned()) };
    if rest.contains('#') {
        return Some("must have no fragment".to_owned());
    }
    let authority = authority_of(rest);
    if authority.contains('@') {
        return Some("must have no user and no password".to_owned());
    }
    host_problem(authority).map(str::to_owned)
}

fn host_problem(authority: &str) -> Option<&'static str> {
    let (host, port) = match authority.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(None) => return Some("must have a bracket after its IPv6 address"),
        Some(Some((host, port))) => {
            if host.parse::<std::net::Ipv6Addr>().is_err() {
                return Some("must have an IPv6 address within its brackets");
            }
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':').unwrap_or("x")) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if host.is_empty() || !(authority.starts_with('[') || host.chars().all(is_host)) {
        return Some("must have a host of letters, digits, dots and dashes");
    }
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    port.filter(|port| !is_port(port)).map(|_| "must have a port from 1 to 65535, or none")
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host only: paths and queries of webhooks often contain secrets.
impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({})", self.authority())
    }
}

impl std::str::FromStr for EndpointUrl {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for EndpointUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EndpointUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_url_without_user_and_fragment_is_accepted() {
        for text in [
            "https://shop.example/hooks?token=a%20b",
            "HTTPS://shop.example",
            "https://shop.example:8443",
            "https://shop.example?x",
            "https://[2001:db8::1]:443/x",
            "https://192.0.2.7/",
            "https://xn--bcher-kva.example/",
            "http://127.0.0.1:9000/in?a=b@c",
        ] {
            let url = EndpointUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(url.as_str(), text);
            assert_eq!(url.is_https(), text.to_lowercase().starts_with("https"));
        }
    }

    #[test]
    fn everything_else_is_rejected_with_the_rule() {
        let long = format!("https://a.example/{}", "x".repeat(ENDPOINT_URL_BYTES_MAX));
        for (text, rule) in [
            ("", "https://"),
            ("shop.example/hooks", "https://"),
            ("ftp://shop.example", "https://"),
            ("//shop.example", "https://"),
            ("https://user@shop.example/", "no user"),
            ("https://user:password@shop.example/", "no user"),
            ("https://shop.example/#part", "no fragment"),
            ("https://shop.example#@127.0.0.1/", "no fragment"),
            ("https://", "a host"),
            ("https:///path", "a host"),
            ("https://:443/", "a host"),
            ("https://b\u{fc}cher.example/", "ASCII"),
            ("https://shop.example/a b", "ASCII"),
            ("https://shop.example\\@127.0.0.1/", "ASCII"),
            ("https://shop.example/\r\nHost: x", "ASCII"),
            ("https://shop%2eexample/", "a host"),
            ("https://shop.example:0/", "port"),
            ("https://shop.example:65536/", "port"),
            ("https://shop.example:/", "port"),
            ("https://shop.example:+1/", "port"),
            ("https://[::1", "bracket"),
            ("https://[v1.x]/", "IPv6"),
            ("https://[::1]443/", "port"),
            (&long, "limit"),
        ] {
            let error = EndpointUrl::parse(text).expect_err(text).to_string();
            assert!(error.starts_with("url ") && error.contains(rule), "{text}: {error}");
        }
    }

    #[test]
    fn debug_shows_the_host_only() {
        let url = EndpointUrl::parse("https://shop.example:8443/hooks/s3cret?token=s3cret").unwrap();
        assert_eq!(format!("{url:?}"), "EndpointUrl(shop.example:8443)");
    }
}
