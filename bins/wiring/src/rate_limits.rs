//! Flags of rate limits, of the proxies in front of the API, and of the admission of placements.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use logistics_access::RateLimits;
use logistics_cli_kit::{Failure, Span};
use logistics_core::port::{Quota, SharedQuota};
use logistics_service::{Limiter, Options, RouteClass};
use logistics_warp::{Config, ForwardedHeader, IpNet};

/// Flags of rate limits. Without `--rate-limit`, no request is limited or counted.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct RateLimitArgs {
    /// Requests of a caller as CLASS=N/TIME[:BURST], separated by commas, such as place=100/1s:200,read=6000/1m. The classes are
    /// place, transition, read, stream and admin; BURST is N without a number [default: no limits]
    #[arg(long, env = "LOGISTICS_RATE_LIMIT", value_name = "LIMITS", value_delimiter = ',')]
    rate_limit: Vec<ClassLimit>,
    /// Share the limits with other processes of the API, through Redis
    #[arg(long, env = "LOGISTICS_RATE_LIMIT_SHARED")]
    rate_limit_shared: bool,
    /// Processes that share the limits. Without Redis, each enforces its part [default: 1]
    #[arg(
        long, env = "LOGISTICS_RATE_LIMIT_PROCESSES", value_name = "N",
        value_parser = clap::value_parser!(u32).range(1..=1000)
    )]
    rate_limit_processes: Option<u32>,
    /// Networks or addresses of proxies whose header shows the client's address, separated by commas [default: none]
    #[arg(long, env = "LOGISTICS_TRUSTED_PROXY", value_name = "NETWORK", value_delimiter = ',')]
    trusted_proxy: Vec<Network>,
    /// The header in which trusted proxies append their client's address [default: x-forwarded-for]
    #[arg(long, env = "LOGISTICS_TRUSTED_PROXY_HEADER", value_name = "HEADER", value_enum)]
    trusted_proxy_header: Option<ProxyHeader>,
    /// Refuse placements while their partition has more undecided records; a few seconds' worth at least [default: never]
    #[arg(long, env = "LOGISTICS_ADMISSION_LAG_MAX", value_name = "RECORDS")]
    admission_lag_max: Option<u64>,
    #[arg(skip)]
    quotas: Quotas,
}

impl RateLimitArgs {
    /// With the store in which processes share limits.
    pub(crate) fn share(&mut self, quotas: Arc<dyn SharedQuota>) {
        self.quotas = Quotas(Some(quotas));
    }

    /// The limiter; `None`: no request is limited.
    ///
    /// # Errors
    /// If the limits are to be shared and the store cannot do it.
    pub(crate) fn limiter(&self) -> Result<Option<Arc<dyn Limiter>>, Failure> {
        if self.rate_limit.is_empty() {
            return Ok(None);
        }
        let limits = self.rate_limit.iter().map(|limit| (limit.class, limit.quota));
        if !self.rate_limit_shared {
            return Ok(Some(Arc::new(RateLimits::new(limits))));
        }
        let Some(quotas) = self.quotas.0.clone() else {
            let problem =
                "--rate-limit-shared needs Redis; leave it out, because one process has all limits here";
            return Err(Failure::usage(problem));
        };
        let processes = self.rate_limit_processes.unwrap_or(1);
        Ok(Some(Arc::new(RateLimits::shared(limits, quotas, processes))))
    }

    pub(crate) fn configure(&self, config: &mut Config) {
        config.trusted_proxies = self.trusted_proxy.iter().map(|network| network.0).collect();
        config.forwarded_header = match self.trusted_proxy_header {
            Some(ProxyHeader::Forwarded) => ForwardedHeader::Forwarded,
            Some(ProxyHeader::XForwardedFor) | None => ForwardedHeader::XForwardedFor,
        };
    }

    pub(crate) fn configure_service(&self, options: &mut Options) {
        options.admission_lag_max = self.admission_lag_max;
    }
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum ProxyHeader {
    XForwardedFor,
    Forwarded,
}

/// The store in which processes share limits, if it can.
#[derive(Clone, Default)]
struct Quotas(Option<Arc<dyn SharedQuota>>);

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Quotas").field(&self.0.is_some()).finish()
    }
}

/// The limit of a class: `CLASS=N/TIME[:BURST]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ClassLimit {
    class: RouteClass,
    quota: Quota,
}

impl FromStr for ClassLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no limit such as place=100/1s or place=100/1s:200");
        let (class, limit) = text.trim().split_once('=').ok_or_else(wrong)?;
        let class = RouteClass::from_name(class).ok_or_else(|| {
            let names = RouteClass::ALL.map(RouteClass::name).join(", ");
            format!("{class:?} is no class of requests; the classes are {names}")
        })?;
        let (units, window) = limit.split_once('/').ok_or_else(wrong)?;
        let (window, burst) = window.split_once(':').unwrap_or((window, units));
        let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
        let window: Span = window.parse().map_err(|_| wrong())?;
        let quota = Quota::new(number(units)?, window.ms, number(burst)?);
        Ok(Self { class, quota: quota.map_err(|error| format!("{text:?}: {error}"))? })
    }
}

/// A network such as `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        let network = text.parse::<IpNet>().or_else(|_| address());
        network.map(Self).map_err(|_| format!("{text:?} is no network such as 10.0.0.0/8, and no address"))
    }
}

#[cfg(test)]
mod tests {
    use clap::{Command, FromArgMatches};

    use super::*;

    fn args(args: &[&str]) -> RateLimitArgs {
        // Without the environment of the test.
        let command = RateLimitArgs::augment_args(Command::new("test"));
        let names: Vec<_> = command.get_arguments().map(|arg| arg.get_id().clone()).collect();
        let command = names
            .into_iter()
            .fold(command, |command, name| command.mut_arg(name, |arg| arg.env(None::<&str>)));
        let matches = command.get_matches_from([&["test"], args].concat());
        RateLimitArgs::from_arg_matches(&matches).expect("the flags can be read")
    }

    #[test]
    fn a_limit_is_a_class_a_rate_and_a_burst() {
        let limit = |text: &str| text.parse::<ClassLimit>();
        let quota = |units, window_ms, burst| Quota::new(units, window_ms, burst).expect("a quota");
        let place = ClassLimit { class: RouteClass::Place, quota: quota(100, 1000, 200) };
        assert_eq!(limit("place=100/1s:200"), Ok(place));
        assert_eq!(limit("read=6000/1m").map(|limit| limit.quota), Ok(quota(6000, 60_000, 6000)));
        for (text, part) in [
            ("place", "place=100/1s"),
            ("place=100", "place=100/1s"),
            ("place=100/soon", "place=100/1s"),
            ("place=-1/1s", "place=100/1s"),
            ("place=1/1s:x", "place=100/1s"),
            ("write=1/1s", "place, transition, read, stream, admin"),
            ("place=0/1s", "at least one unit"),
            ("place=1/0", "at least one unit"),
            ("place=1/48h", "within a day"),
        ] {
            let error = limit(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn without_limits_there_is_no_limiter_and_sharing_needs_a_store() {
        assert!(args(&[]).limiter().expect("fits").is_none());
        let limits = ["--rate-limit", "place=100/1s:200,read=1000/1s"];
        let limiter = args(&limits).limiter().expect("fits").expect("a limiter");
        assert!(limiter.limits(RouteClass::Read) && !limiter.limits(RouteClass::Transition));
        let shared = args(&[&limits[..], &["--rate-limit-shared"]].concat());
        let Err(failure) = shared.limiter() else { panic!("there is no store") };
        assert!(failure.message.contains("needs Redis"), "{}", failure.message);
    }

    #[test]
    fn proxies_are_networks_or_addresses() {
        let mut config = Config::default();
        args(&["--trusted-proxy", "10.0.0.0/8, 2001:db8::/32,192.0.2.7"]).configure(&mut config);
        let shown: Vec<_> = config.trusted_proxies.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"]);
        assert_eq!(config.forwarded_header, ForwardedHeader::XForwardedFor);
        args(&["--trusted-proxy-header", "forwarded"]).configure(&mut config);
        assert_eq!(config.forwarded_header, ForwardedHeader::Forwarded);
        assert!("10.0.0.0/33".parse::<Network>().is_err() && "proxy".parse::<Network>().is_err());
    }
}
