//! The files of TLS, and what the handshake uses of them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig, crypto};

use super::Tls;

pub(super) const ALPN_HTTP2: &[u8] = b"h2";
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// The largest file. A chain has a few KiB.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

const CERTIFICATE: &str = "certificate";
const KEY: &str = "key";
const CLIENT_CA: &str = "client authorities";

/// Why the files of TLS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read the TLS {what} in {}: {source}", file.display())]
    Unreadable {
        /// What the file contains.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A file does not contain what it should.
    #[error("the TLS {what} in {}: {problem}", file.display())]
    Invalid {
        /// What the file should contain.
        what: &'static str,
        /// The file.
        file: PathBuf,
        /// The problem, without the contents of the file.
        problem: String,
    },
    /// The key is not that of the certificate.
    #[error(
        "the TLS key in {} is not that of the certificate in {}; the chain must begin with the server's certificate",
        key.display(),
        certificate.display()
    )]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}

/// The contents of the files.
#[derive(PartialEq, Eq)]
pub(super) struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Files {
    pub(super) fn read(settings: &Tls) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read(CERTIFICATE, &settings.certificate)?,
            key: read(KEY, &settings.key)?,
            client_ca: settings.client_ca.as_deref().map(|file| read(CLIENT_CA, file)).transpose()?,
        })
    }

    /// What the handshake uses.
    pub(super) fn server_config(&self, settings: &Tls) -> Result<ServerConfig, TlsError> {
        let file = &settings.certificate;
        let chain = certificates(CERTIFICATE, file, &self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|error| invalid(KEY, &settings.key, key_problem(&error, &self.key)))?;
        let provider = Arc::new(crypto::ring::default_provider());
        // The supported versions are 1.2 and 1.3.
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(CERTIFICATE, file, error))?;
        let builder = match self.client_verifier(settings, provider)? {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::Mismatch { certificate: file.clone(), key: settings.key.clone() }
            }
            rustls::Error::InvalidCertificate(_) => invalid(CERTIFICATE, file, error),
            error => invalid(KEY, &settings.key, error),
        })?;
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()];
        Ok(config)
    }

    fn client_verifier(
        &self,
        settings: &Tls,
        provider: Arc<crypto::CryptoProvider>,
    ) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
        let (Some(file), Some(pem)) = (&settings.client_ca, &self.client_ca) else { return Ok(None) };
        let mut roots = RootCertStore::empty();
        for authority in certificates(CLIENT_CA, file, pem)? {
            roots.add(authority).map_err(|error| invalid(CLIENT_CA, file, error))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        // A client without a certificate has another credential.
        let verifier = verifier.allow_unauthenticated().build();
        verifier.map(Some).map_err(|error| invalid(CLIENT_CA, file, error))
    }
}

fn read(what: &'static str, file: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable { what, file: file.to_owned(), source };
    let mut bytes = Vec::new();
    let mut limited = File::open(file).map_err(unreadable)?.take(FILE_BYTES_MAX + 1);
    limited.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(invalid(what, file, "the file exceeds 1 MiB"));
    }
    Ok(bytes)
}

fn certificates(
    what: &'static str,
    file: &Path,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|error| invalid(what, file, pem_problem(&error)))?;
    if certificates.is_empty() {
        return Err(invalid(what, file, "the file has no PEM block BEGIN CERTIFICATE"));
    }
    Ok(certificates)
}

fn key_problem(error: &pem::Error, pem: &[u8]) -> &'static str {
    let encrypted = b"ENCRYPTED";
    match error {
        pem::Error::NoItemsFound if pem.windows(encrypted.len()).any(|window| window == encrypted) => {
            "the key is encrypted; write it without a passphrase"
        }
        pem::Error::NoItemsFound => "the file has no PEM block BEGIN PRIVATE KEY",
        error => pem_problem(error),
    }
}

/// Errors of the parser quote lines of the file, which can be a key.
fn pem_problem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a PEM block has no end; the file may be incomplete",
        _ => "the file is not PEM",
    }
}

fn invalid(what: &'static str, file: &Path, problem: impl ToString) -> TlsError {
    TlsError::Invalid { what, file: file.to_owned(), problem: problem.to_string() }
}
