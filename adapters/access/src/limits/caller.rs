//! The keys of callers.

use std::fmt;

use logistics_service::LimitedCaller;

use crate::network::Network;

/// A caller as the limits count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum CallerKey<'a> {
    Subject(&'a str),
    Address(Network),
    Unknown,
}

impl<'a> CallerKey<'a> {
    pub(super) fn of(caller: LimitedCaller<'a>) -> Self {
        match caller {
            LimitedCaller::Subject(subject) => CallerKey::Subject(subject),
            LimitedCaller::Address(address) => CallerKey::Address(Network::of(address)),
            // `LimitedCaller` is non-exhaustive.
            _ => CallerKey::Unknown,
        }
    }
}

/// The name among the keys of a shared quota.
impl fmt::Display for CallerKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallerKey::Subject(subject) => write!(f, "subject:{subject}"),
            CallerKey::Address(network) => write!(f, "address:{network}"),
            CallerKey::Unknown => f.write_str("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_caller_and_a_mapped_address_is_ipv4() {
        let key = |text: &str| CallerKey::of(LimitedCaller::Address(text.parse().unwrap()));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"));
        assert_eq!(key("2001:db8:1:2::1").to_string(), "address:2001:db8:1:2::/64");
        assert_eq!(key("192.0.2.1").to_string(), "address:192.0.2.1");
        let subject = CallerKey::of(LimitedCaller::Subject("192.0.2.1"));
        assert_ne!(subject.to_string(), key("192.0.2.1").to_string());
    }
}
