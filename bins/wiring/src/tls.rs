//! TLS of the API.

use std::path::PathBuf;

use clap::Args;
use logistics_cli_kit::Span;
use logistics_warp::Tls;

/// Flags of TLS.
#[derive(Args, Debug, Clone, Default)]
pub struct TlsArgs {
    /// The certificate chain of the API, PEM: the API speaks TLS (1.2, 1.3). Reloaded when the file changes
    #[arg(long, env = "LOGISTICS_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, PEM without a passphrase
    #[arg(long, env = "LOGISTICS_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The authorities of client certificates, PEM. A client may have a certificate; one that does not verify is rejected
    #[arg(long, env = "LOGISTICS_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    tls_client_ca: Option<PathBuf>,
    /// Time for which browsers must use HTTPS with this name; 0 revokes it [default: 8760h]
    #[arg(long, env = "LOGISTICS_HSTS_MAX_AGE", value_name = "TIME")]
    hsts_max_age: Option<Span>,
}

impl TlsArgs {
    /// The settings; `None` without a certificate.
    #[must_use]
    pub fn settings(&self) -> Option<Tls> {
        let mut tls = Tls::new(self.tls_cert.clone()?, self.tls_key.clone()?);
        tls.client_ca = self.tls_client_ca.clone();
        if let Some(span) = self.hsts_max_age {
            tls.hsts_max_age_s = span.ms / 1000;
        }
        Some(tls)
    }

    /// Clients may present certificates.
    #[must_use]
    pub fn has_client_ca(&self) -> bool {
        self.tls_client_ca.is_some()
    }

    /// The API speaks TLS.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.tls_cert.is_some()
    }
}
