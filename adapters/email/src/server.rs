//! The SMTP server: its address, its TLS and the login.

use std::fmt;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use url::Url;
use zeroize::Zeroizing;

use crate::options::CannotSend;

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Security {
    /// TLS from the first byte. Port 465 by default.
    Tls,
    /// STARTTLS, required: a server without it gets neither the login nor a message. Port 587 by default.
    StartTls,
    /// No encryption, for tests and a relay on the same machine. Port 25 by default.
    Plaintext,
}

/// The address of an SMTP server.
#[derive(Clone)]
pub struct SmtpServer {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) login: Option<SmtpLogin>,
    roots_pem: Vec<u8>,
}

/// The name and the password at an SMTP server. Debug output shows neither.
#[derive(Clone)]
pub struct SmtpLogin {
    user: String,
    password: Zeroizing<String>,
}

/// Why a text is no address of an SMTP server, or a file no login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidServer {
    /// The text is not a URL of the supported form.
    #[error("write smtps://mail.example (TLS), or smtp://mail.example:587 (STARTTLS)")]
    Url,
    /// The URL contains a login, which process lists and logs would show.
    #[error("the URL contains a login; put it into a file")]
    LoginInUrl,
    /// The file has no name and password.
    #[error("the first line must be the name and the second line the password")]
    Login,
    /// A login without encryption would be readable on the way.
    #[error("a login needs TLS or STARTTLS")]
    LoginInPlaintext,
}

impl SmtpServer {
    /// The server at `smtps://host[:port]` or `smtp://host[:port]`. `plaintext`: an `smtp` URL means no encryption instead of
    /// STARTTLS.
    ///
    /// # Errors
    /// [`InvalidServer`] for another URL, or one with a login.
    pub fn parse(text: &str, plaintext: bool) -> Result<Self, InvalidServer> {
        let url = Url::parse(text).map_err(|_| InvalidServer::Url)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidServer::LoginInUrl);
        }
        let (security, port) = match (url.scheme(), plaintext) {
            ("smtps", false) => (Security::Tls, 465),
            ("smtp", false) => (Security::StartTls, 587),
            ("smtp", true) => (Security::Plaintext, 25),
            _ => return Err(InvalidServer::Url),
        };
        let bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let host = url.host_str().filter(|host| bare && !host.is_empty()).ok_or(InvalidServer::Url)?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port().unwrap_or(port);
        Ok(Self { host, port, security, login: None, roots_pem: Vec::new() })
    }

    /// Sets the login.
    ///
    /// # Errors
    /// [`InvalidServer::LoginInPlaintext`] for a server without encryption.
    pub fn with_login(mut self, login: SmtpLogin) -> Result<Self, InvalidServer> {
        if self.security == Security::Plaintext {
            return Err(InvalidServer::LoginInPlaintext);
        }
        self.login = Some(login);
        Ok(self)
    }

    /// Trusts these certificates (PEM) in place of those of the system.
    #[must_use]
    pub fn with_roots(mut self, pem: Vec<u8>) -> Self {
        self.roots_pem = pem;
        self
    }

    /// How the connection is encrypted.
    #[must_use]
    pub fn security(&self) -> Security {
        self.security
    }

    /// The settings of TLS; `None` without encryption.
    pub(crate) fn tls(&self) -> Result<Option<TlsParameters>, CannotSend> {
        if self.security == Security::Plaintext {
            return Ok(None);
        }
        let failed = |error: lettre::transport::smtp::Error| CannotSend::Tls(error.to_string());
        let mut builder = TlsParameters::builder(self.host.clone());
        if !self.roots_pem.is_empty() {
            builder = builder.certificate_store(CertificateStore::None);
            let certificate = Certificate::from_pem(&self.roots_pem).map_err(failed)?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build_rustls().map(Some).map_err(failed)
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpServer({}:{}, {:?})", self.host, self.port, self.security)
    }
}

impl SmtpLogin {
    /// The login in a file: the name on the first line and the password on the second.
    ///
    /// # Errors
    /// [`InvalidServer::Login`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidServer> {
        let mut lines = text.lines();
        let (user, password) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let ends = lines.all(|line| line.trim().is_empty());
        if user.is_empty() || password.is_empty() || !ends {
            return Err(InvalidServer::Login);
        }
        Ok(Self { user: user.to_owned(), password: Zeroizing::new(password.to_owned()) })
    }

    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::new(self.user.clone(), self.password.to_string())
    }
}

impl fmt::Debug for SmtpLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmtpLogin(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_the_server_and_its_encryption() {
        let parsed = |text, plaintext| {
            SmtpServer::parse(text, plaintext).map(|server| (server.host, server.port, server.security))
        };
        let server = |port, security| Ok(("mail.example".to_owned(), port, security));
        assert_eq!(parsed("smtps://mail.example", false), server(465, Security::Tls));
        assert_eq!(parsed("smtps://mail.example:1465/", false), server(1465, Security::Tls));
        assert_eq!(parsed("smtp://mail.example", false), server(587, Security::StartTls));
        assert_eq!(parsed("smtp://mail.example:25", true), server(25, Security::Plaintext));
        assert_eq!(parsed("smtp://mail.example", true), server(25, Security::Plaintext));
        for wrong in
            ["mail.example", "http://mail.example", "smtp://", "smtp://mail.example/x", "smtp://h?tls=x"]
        {
            assert_eq!(parsed(wrong, false), Err(InvalidServer::Url), "{wrong}");
        }
        assert_eq!(parsed("smtps://mail.example", true), Err(InvalidServer::Url));
        assert_eq!(parsed("smtps://ann:secret@mail.example", false), Err(InvalidServer::LoginInUrl));
    }

    #[test]
    fn a_login_is_two_lines_never_travels_unencrypted_and_is_not_shown() {
        let login = SmtpLogin::parse("ann\nsecret word\n").unwrap();
        assert_eq!(format!("{login:?}"), "SmtpLogin(redacted)");
        for wrong in ["", "ann", "ann\n", "\nsecret", "ann\nsecret\nmore"] {
            assert!(SmtpLogin::parse(wrong).is_err(), "{wrong:?}");
        }
        let plaintext = SmtpServer::parse("smtp://localhost", true).unwrap();
        assert_eq!(plaintext.with_login(login.clone()).unwrap_err(), InvalidServer::LoginInPlaintext);
        let server = SmtpServer::parse("smtps://mail.example", false).unwrap().with_login(login).unwrap();
        assert!(!format!("{server:?}").contains("secret"));
    }
}
