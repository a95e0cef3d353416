//! Verifies a token with the keys of an issuer.
//!
//! `cargo run -p logistics-access --example jwks -- ISSUER AUDIENCE JWKS_URL TOKEN`
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use logistics_access::{Access, AccessConfig, JwksUrl, JwtConfig, JwtKeys};
use logistics_core::Timestamp;
use logistics_core::port::Clock;
use logistics_service::{AuthError, Authenticator, Credentials};

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [issuer, audience, url, token] = args.as_slice() else {
        eprintln!("give ISSUER AUDIENCE JWKS_URL TOKEN");
        return Ok(());
    };
    let mut config = AccessConfig::default();
    config.jwt = Some((JwtConfig::new(issuer, audience), JwtKeys::Url(JwksUrl::parse(url)?)));
    let access = Access::start(config, Arc::new(WallClock))?;
    let mut credentials = Credentials::default();
    credentials.bearer = Some(token);
    loop {
        match access.authenticate(&credentials).await {
            // The first fetch of the keys runs in the background.
            Err(AuthError::Unavailable(reason)) => {
                eprintln!("waiting: {reason}");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            result => {
                println!("{result:#?}");
                return Ok(());
            }
        }
    }
}
