//! Flags of tracking links and their page.

use std::path::PathBuf;

use clap::Args;
use logistics_cli_kit::{Failure, Span};
use logistics_service::{TRACKING_TTL_MS_MIN, TrackingKeys, TrackingOptions};
use logistics_warp::Config;

use crate::key_file;

/// The longest style of one's own, in bytes.
const STYLE_BYTES_MAX: usize = 64 * 1024;

/// Flags of tracking links.
#[derive(Args, Debug, Clone, Default)]
pub(crate) struct TrackingArgs {
    /// A file with the keys of tracking links, 64 hexadecimal digits per line. The first key signs, all keys verify. Processes of
    /// one API need the same keys [default: a random key, whose links end with the process]
    #[arg(long, env = "LOGISTICS_TRACKING_KEY_FILE", value_name = "FILE")]
    tracking_key_file: Option<PathBuf>,
    /// Time for which a tracking link is valid if its maker names no other [default: 24h]
    #[arg(long, env = "LOGISTICS_TRACKING_TTL", value_name = "TIME")]
    tracking_ttl: Option<Span>,
    /// The longest time for which a tracking link can be made [default: 168h]
    #[arg(long, env = "LOGISTICS_TRACKING_TTL_MAX", value_name = "TIME")]
    tracking_ttl_max: Option<Span>,
    /// Time for which tracking links show an order that has ended [default: 4h]
    #[arg(long, env = "LOGISTICS_TRACKING_ENDED", value_name = "TIME")]
    tracking_ended: Option<Span>,
    /// The public URL below which a proxy serves /track, such as https://shop.example/track, for tracking links
    /// [default: links are relative to the server]
    #[arg(long, env = "LOGISTICS_TRACKING_URL", value_name = "URL")]
    tracking_url: Option<String>,
    /// A file of CSS that changes the style of the tracking page
    #[arg(long, env = "LOGISTICS_TRACKING_STYLE_FILE", value_name = "FILE")]
    tracking_style_file: Option<PathBuf>,
    /// Links that end with the process are no problem.
    #[arg(skip)]
    pub(crate) is_temporary: bool,
}

impl TrackingArgs {
    /// The settings of the service.
    ///
    /// # Errors
    /// If the keys cannot be read, or the times contradict each other. The text contains no key.
    pub(crate) fn options(&self) -> Result<TrackingOptions, Failure> {
        let keys = match &self.tracking_key_file {
            None if self.is_temporary => TrackingKeys::random().without_warning(),
            None => TrackingKeys::random(),
            Some(file) => {
                let keys = key_file::read(file, "tracking keys").map_err(Failure::usage)?;
                TrackingKeys::new(&keys).map_err(|error| {
                    Failure::usage(format!("the tracking keys in {}: {error}", file.display()))
                })?
            }
        };
        let mut options = TrackingOptions::new(keys);
        options.ttl_ms_max = self.tracking_ttl_max.map_or(options.ttl_ms_max, |span| span.ms);
        options.ttl_default_ms =
            self.tracking_ttl.map_or(options.ttl_default_ms.min(options.ttl_ms_max), |span| span.ms);
        options.ended_ms_max = self.tracking_ended.map_or(options.ended_ms_max, |span| span.ms);
        if !(TRACKING_TTL_MS_MIN..=options.ttl_ms_max).contains(&options.ttl_default_ms) {
            let problem = "--tracking-ttl must be from 1m to --tracking-ttl-max";
            return Err(Failure::usage(problem));
        }
        Ok(options)
    }

    /// Sets what the page needs.
    ///
    /// # Errors
    /// If the URL is none, or the style cannot be read.
    pub(crate) fn configure(&self, config: &mut Config) -> Result<(), Failure> {
        if let Some(url) = &self.tracking_url {
            config.tracking_url = checked_url(url)?;
        }
        if let Some(file) = &self.tracking_style_file {
            let shown = file.display();
            let style = std::fs::read_to_string(file)
                .map_err(|error| Failure::usage(format!("cannot read the style in {shown}: {error}")))?;
            if style.len() > STYLE_BYTES_MAX {
                let problem = format!("the style in {shown} has more than {STYLE_BYTES_MAX} bytes");
                return Err(Failure::usage(problem));
            }
            config.track_style = style;
        }
        Ok(())
    }
}

fn checked_url(url: &str) -> Result<String, Failure> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_url = rest.is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\@".contains(&byte))
    });
    if is_url {
        return Ok(url.trim_end_matches('/').to_owned());
    }
    Err(Failure::usage("--tracking-url must be such as https://shop.example/track, without a query"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_scheme_a_host_and_no_query() {
        assert_eq!(checked_url("https://shop.example/t/").expect("a URL"), "https://shop.example/t");
        for wrong in [
            "shop.example",
            "https://",
            "https://a?b",
            "https://a#b",
            "https://a b",
            "ftp://a",
            "https://u@a",
        ] {
            assert!(checked_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_times_must_fit_together() {
        let span = |minutes: u64| Some(Span { ms: minutes * 60_000 });
        let args =
            |ttl, max| TrackingArgs { tracking_ttl: ttl, tracking_ttl_max: max, ..TrackingArgs::default() };
        assert!(args(None, None).options().is_ok());
        assert_eq!(args(None, span(5)).options().map(|options| options.ttl_default_ms).ok(), Some(300_000));
        assert!(args(span(10), span(5)).options().is_err());
        assert!(args(None, span(0)).options().is_err());
    }
}
