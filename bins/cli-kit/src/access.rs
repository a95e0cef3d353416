//! How a client of the API identifies itself, and which servers it trusts.

use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use hyper::header::HeaderValue;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::exit::Failure;

/// Flags of every command that calls the API.
#[derive(Args, Debug, Clone, Default)]
pub struct AccessArgs {
    #[command(flatten)]
    trust: TrustArgs,
    /// The token or API key. Prefer the environment or a file: every user of a machine can read its command lines
    #[arg(long, env = "LOGISTICS_TOKEN", hide_env_values = true)]
    token: Option<Token>,
    /// A file with the token or API key in its first line
    #[arg(long, env = "LOGISTICS_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Flags of every command that calls a server.
#[derive(Args, Debug, Clone, Default)]
pub struct TrustArgs {
    /// The authorities that sign the certificate of an https server, PEM [default: those of the system]
    #[arg(long, env = "LOGISTICS_CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// A credential that `Debug` does not show. Any text is valid.
#[derive(Clone)]
struct Token(String);

impl FromStr for Token {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The credential of a client, and the servers that it trusts.
#[derive(Clone, Default)]
pub struct Access {
    /// The value of `Authorization`.
    pub(crate) authorization: Option<HeaderValue>,
    /// `None`: for servers without TLS only.
    pub(crate) tls: Option<TlsConnector>,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

impl AccessArgs {
    /// The access to a server with or without TLS.
    ///
    /// # Errors
    /// If a file cannot be read, or two tokens are given. The text contains no token.
    pub fn access(&self, secure: bool) -> Result<Access, Failure> {
        let authorization = self.token()?.map(|token| authorization(&token)).transpose()?;
        Ok(Access { authorization, ..self.trust.access(secure)? })
    }

    /// The access to another server than the one that the credential is for.
    ///
    /// # Errors
    /// If the file with the authorities cannot be used.
    pub fn without_credential(&self, secure: bool) -> Result<Access, Failure> {
        self.trust.access(secure)
    }

    fn token(&self) -> Result<Option<String>, Failure> {
        let given = self.token.as_ref().map(|Token(token)| token.clone()).filter(|token| !token.is_empty());
        match (given, &self.token_file) {
            (Some(_), Some(_)) => Err(Failure::usage("give --token or --token-file, not both")),
            (given, None) => Ok(given),
            (None, Some(file)) => {
                let shown = file.display();
                let text = std::fs::read_to_string(file).map_err(|error| {
                    Failure::usage(format!("cannot read the --token-file {shown}: {error}"))
                })?;
                let line = text.lines().next().map(str::trim).filter(|line| !line.is_empty());
                let token =
                    line.ok_or_else(|| Failure::usage(format!("the --token-file {shown} is empty")))?;
                Ok(Some(token.to_owned()))
            }
        }
    }
}

fn authorization(token: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| Failure::usage("the token must consist of visible ASCII characters"))?;
    value.set_sensitive(true);
    Ok(value)
}

impl TrustArgs {
    /// The access to a server with or without TLS, without a credential.
    ///
    /// # Errors
    /// If the file cannot be read or contains no certificate.
    pub fn access(&self, secure: bool) -> Result<Access, Failure> {
        let tls = secure.then(|| connector(self.ca_file.as_deref())).transpose()?;
        Ok(Access { authorization: None, tls })
    }
}

fn connector(ca_file: Option<&Path>) -> Result<TlsConnector, Failure> {
    let roots = match ca_file {
        Some(file) => from_file(file)
            .map_err(|problem| Failure::usage(format!("the --ca-file {}: {problem}", file.display())))?,
        None => from_system()?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::usage(format!("cannot use TLS: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

fn from_file(file: &Path) -> Result<RootCertStore, String> {
    let pem = std::fs::read(file).map_err(|error| format!("cannot read it: {error}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| "it is not PEM".to_owned())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("it has no PEM block BEGIN CERTIFICATE".to_owned()) } else { Ok(roots) }
}

/// Authorities that rustls cannot use are ignored: systems have some.
fn from_system() -> Result<RootCertStore, Failure> {
    let mut roots = RootCertStore::empty();
    let (usable, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if usable == 0 {
        return Err(Failure::usage("the system has no certificate authorities; give --ca-file"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(token: Option<&str>, token_file: Option<PathBuf>) -> AccessArgs {
        AccessArgs { token: token.map(|token| Token(token.to_owned())), token_file, ..AccessArgs::default() }
    }

    #[test]
    fn the_token_comes_from_the_variable_or_the_first_line_of_a_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("token");
        std::fs::write(&file, "abc \nsecond\n").expect("a file");
        let header = |args: AccessArgs| args.access(false).map(|access| access.authorization);
        let bearer = Some(HeaderValue::from_static("Bearer abc"));
        assert_eq!(header(args(Some("abc"), None)).ok(), Some(bearer.clone()));
        assert_eq!(header(args(Some(""), Some(file.clone()))).ok(), Some(bearer));
        assert_eq!(header(args(None, None)).ok(), Some(None));
        std::fs::write(&file, "\nabc").expect("a file");
        for wrong in [
            args(Some("a"), Some(file.clone())),
            args(None, Some(file)),
            args(None, Some(directory.path().join("none"))),
            args(Some("sécret\n"), None),
        ] {
            let failure = header(wrong).expect_err("an error").message;
            assert!(!failure.contains("cret"), "{failure}");
        }
        assert!(!format!("{:?}", args(Some("secret-token"), None)).contains("secret-token"));
    }

    #[test]
    fn a_file_without_an_authority_is_an_error_that_names_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ca.pem");
        std::fs::write(&file, "nothing").expect("a file");
        let trust = TrustArgs { ca_file: Some(file) };
        let failure = trust.access(true).expect_err("an error").message;
        assert!(failure.contains("ca.pem: it has no PEM block"), "{failure}");
        assert!(trust.access(false).is_ok(), "a server without TLS needs no authority");
    }
}
