//! Where keys come from: a URL.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ureq::Agent;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

/// Time limit of a fetch, for everything from the lookup of the host to the last byte.
pub(super) const FETCH_MS_MAX: u64 = 5000;

/// Bytes of a JWK set.
pub(super) const JWKS_BYTES_MAX: u64 = 256 * 1024;

/// The source of a JWK set.
#[async_trait]
pub(super) trait KeySource: Send + Sync {
    /// The text of the set.
    ///
    /// # Errors
    /// What failed, for the log.
    async fn fetch(&self) -> Result<Vec<u8>, String>;
}

/// The address of a JWK set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwksUrl(Uri);

/// Why an address is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJwksUrl {
    /// No address, without a host, or with a user name or password.
    #[error("it is no URL such as https://login.example.com/jwks.json")]
    Malformed,
    /// The keys could be replaced on their way.
    #[error("it is not https, which only an address of this machine may lack")]
    Plain,
}

impl JwksUrl {
    /// Parses the address: `https`, or `http` to a loopback host.
    ///
    /// # Errors
    /// [`InvalidJwksUrl`].
    pub fn parse(text: &str) -> Result<Self, InvalidJwksUrl> {
        let url = Self::parse_with_plain(text)?;
        if url.is_https() || url.is_loopback() { Ok(url) } else { Err(InvalidJwksUrl::Plain) }
    }

    /// Like [`JwksUrl::parse`], and permits `http` to every host. For networks that encrypt by themselves.
    ///
    /// # Errors
    /// [`InvalidJwksUrl::Malformed`].
    pub fn parse_with_plain(text: &str) -> Result<Self, InvalidJwksUrl> {
        let uri: Uri = text.parse().map_err(|_| InvalidJwksUrl::Malformed)?;
        let is_url = matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
            && uri.host().is_some_and(|host| !host.is_empty());
        if is_url { Ok(Self(uri)) } else { Err(InvalidJwksUrl::Malformed) }
    }

    fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    fn is_loopback(&self) -> bool {
        let host = self.0.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// Fetches the set by HTTP. It follows no redirect, because the target would be the choice of the source.
pub(super) struct HttpSource {
    url: JwksUrl,
    agent: Agent,
}

impl HttpSource {
    /// # Errors
    /// If the address needs TLS and the system has no trusted certificates.
    pub(super) fn new(url: JwksUrl) -> Result<Self, String> {
        let mut config = Agent::config_builder()
            .timeout_global(Some(Duration::from_millis(FETCH_MS_MAX)))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .https_only(url.is_https())
            // One fetch in ten minutes: a kept connection would be closed by then.
            .max_idle_connections(0);
        if url.is_loopback() {
            config = config.proxy(None);
        }
        if url.is_https() {
            config = config.tls_config(tls()?);
        }
        Ok(Self { url, agent: config.build().new_agent() })
    }
}

fn tls() -> Result<TlsConfig, String> {
    let loaded = rustls_native_certs::load_native_certs();
    let roots: Vec<_> = loaded.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    if roots.is_empty() {
        return Err("this system has no trusted certificates; install them, or set SSL_CERT_FILE".to_owned());
    }
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .build())
}

#[async_trait]
impl KeySource for HttpSource {
    async fn fetch(&self) -> Result<Vec<u8>, String> {
        let (agent, url) = (self.agent.clone(), self.url.clone());
        let fetched = tokio::task::spawn_blocking(move || fetch(&agent, &url)).await;
        fetched.unwrap_or_else(|error| Err(error.to_string()))
    }
}

fn fetch(agent: &Agent, url: &JwksUrl) -> Result<Vec<u8>, String> {
    let mut reply = agent.get(&url.0).call().map_err(|error| error.to_string())?;
    // Redirects are replies, too.
    if reply.status() != 200 {
        return Err(format!("the status is {}", reply.status().as_u16()));
    }
    let body = reply.body_mut().with_config().limit(JWKS_BYTES_MAX).read_to_vec();
    body.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_or_of_this_machine() {
        use InvalidJwksUrl::{Malformed, Plain};
        for (text, problem) in [
            ("https://login.example.com/jwks.json", None),
            ("http://127.0.0.1:8080/jwks", None),
            ("http://[::1]:8080/jwks", None),
            ("http://localhost/jwks", None),
            ("http://login.example.com/jwks", Some(Plain)),
            ("http://127.0.0.1.example.com/jwks", Some(Plain)),
            ("http://169.254.169.254/latest/meta-data", Some(Plain)),
            ("https://user:password@login.example.com/", Some(Malformed)),
            ("file:///etc/passwd", Some(Malformed)),
            ("login.example.com", Some(Malformed)),
            ("", Some(Malformed)),
        ] {
            assert_eq!(JwksUrl::parse(text).err(), problem, "{text}");
        }
        assert!(JwksUrl::parse_with_plain("http://login.internal/jwks").is_ok());
    }
}
