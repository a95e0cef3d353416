//! The address of the client, behind proxies.
//!
//! A client can send any `X-Forwarded-For`, so the header counts only if a trusted proxy sent the request. Each proxy appends the
//! address that it saw: the part that a client wrote is on the left. So the header is read from the right, up to the first address
//! that is not a trusted proxy's.

use std::net::{IpAddr, SocketAddr};

use hyper::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};

use crate::config::{Config, ForwardedHeader};
use crate::peer::Peer;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of the client. `None`: the peer is unknown.
pub(crate) fn client_address(config: &Config, headers: &HeaderMap, peer: Option<&Peer>) -> Option<IpAddr> {
    let mut address = peer?.address.ip().to_canonical();
    let trusted = |address: IpAddr| config.trusted_proxies.iter().any(|network| network.contains(&address));
    if !trusted(address) {
        return Some(address);
    }
    let parse = match config.forwarded_header {
        ForwardedHeader::XForwardedFor => node,
        ForwardedHeader::Forwarded => forwarded,
    };
    let name = match config.forwarded_header {
        ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
        ForwardedHeader::Forwarded => FORWARDED,
    };
    // Several headers are one list, in their order.
    let lists = headers.get_all(name).iter().rev().map(HeaderValue::as_bytes);
    for element in lists.flat_map(|list| list.rsplit(|byte| *byte == b',')) {
        // The proxy at `address` does not know the client: the proxy itself is the client then. Each element is read alone,
        // because a client may put any bytes in front of those of the proxies.
        let element = std::str::from_utf8(element).ok();
        let Some(next) = element.and_then(|element| parse(element.trim())) else { break };
        address = next;
        if !trusted(address) {
            break;
        }
    }
    Some(address)
}

/// The address in `for=...` of an element of `Forwarded` (RFC 7239).
fn forwarded(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = { pairs }.find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    node(quoted.unwrap_or(value))
}

/// An address, with or without a port. IPv6 is in brackets if there is a port.
fn node(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    Some(address?.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(header: ForwardedHeader) -> Config {
        let networks = ["10.0.0.0/8", "2001:db8:ff::/48"];
        Config {
            trusted_proxies: networks.map(|network| network.parse().unwrap()).to_vec(),
            forwarded_header: header,
            ..Config::default()
        }
    }

    fn at(config: &Config, peer: &str, values: &[(&str, &str)]) -> String {
        let pairs = values
            .iter()
            .map(|(name, value)| (HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap()));
        let peer = Peer::new(SocketAddr::new(peer.parse().unwrap(), 1));
        client_address(config, &pairs.collect(), Some(&peer)).unwrap().to_string()
    }

    #[test]
    fn bytes_in_front_of_the_proxys_own_element_hide_no_client() {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_bytes(b"\xff, 203.0.113.66").expect("a value");
        headers.insert(X_FORWARDED_FOR, value);
        let trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        let config = Config { trusted_proxies, ..Config::default() };
        let peer = Peer::new(([127, 0, 0, 1], 1).into());
        let client = client_address(&config, &headers, Some(&peer));
        assert_eq!(client, Some([203, 0, 113, 66].into()));
    }

    #[test]
    fn a_header_counts_only_from_a_trusted_proxy() {
        let config = config(ForwardedHeader::XForwardedFor);
        let header = [("x-forwarded-for", "203.0.113.9")];
        assert_eq!(at(&config, "198.51.100.1", &header), "198.51.100.1");
        assert_eq!(at(&config, "10.1.2.3", &header), "203.0.113.9");
        assert_eq!(at(&config, "::ffff:10.1.2.3", &header), "203.0.113.9");
        assert_eq!(at(&config, "10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(at(&Config::default(), "10.1.2.3", &header), "10.1.2.3");
        assert_eq!(client_address(&config, &HeaderMap::new(), None), None);
    }

    #[test]
    fn what_a_client_wrote_is_left_of_what_the_proxies_append() {
        let config = config(ForwardedHeader::XForwardedFor);
        for (values, expected) in [
            (&["1.1.1.1, 203.0.113.9"][..], "203.0.113.9"),
            (&["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
            (&["1.1.1.1, 10.9.9.9", "203.0.113.9, 10.0.0.7", "10.0.0.8"], "203.0.113.9"),
            (&["10.0.0.1, 10.0.0.2"], "10.0.0.1"),
            (&["203.0.113.9:4711"], "203.0.113.9"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]:443, 2001:db8:ff::2"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            // An element that is no address: the proxy that sent it counts.
            (&["203.0.113.9, unknown"], "10.1.2.3"),
            (&["203.0.113.9, unknown, 10.0.0.7"], "10.0.0.7"),
            (&["203.0.113.9,"], "10.1.2.3"),
            (&["999.1.1.1"], "10.1.2.3"),
            (&["203.0.113.9 evil"], "10.1.2.3"),
            (&[""], "10.1.2.3"),
        ] {
            let headers: Vec<_> = values.iter().map(|value| ("x-forwarded-for", *value)).collect();
            assert_eq!(at(&config, "10.1.2.3", &headers), expected, "{values:?}");
        }
    }

    #[test]
    fn only_the_configured_header_counts() {
        let both = [("x-forwarded-for", "203.0.113.1"), ("forwarded", "for=203.0.113.2")];
        let forwarded = config(ForwardedHeader::Forwarded);
        assert_eq!(at(&config(ForwardedHeader::XForwardedFor), "10.0.0.1", &both), "203.0.113.1");
        assert_eq!(at(&forwarded, "10.0.0.1", &both), "203.0.113.2");
        for (value, expected) in [
            (r#"for=1.1.1.1, by=10.0.0.1;For="[2001:db8::1]:80";proto=https"#, "2001:db8::1"),
            (r#"for="1.1.1.1, for=203.0.113.9"#, "203.0.113.9"),
            ("for=203.0.113.9;proto=http, for=10.0.0.7", "203.0.113.9"),
            ("for=_hidden", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            assert_eq!(at(&forwarded, "10.0.0.1", &[("forwarded", value)]), expected, "{value}");
        }
    }
}
