//! The channel of e-mails: its flags and its notifier.

#[cfg(feature = "email")]
use std::path::Path;
use std::path::PathBuf;
#[cfg(feature = "email")]
use std::sync::Arc;

use clap::Args;
use logistics_cli_kit::Failure;
use logistics_core::Language;
#[cfg(feature = "email")]
use logistics_email::{
    EmailNotifier, EmailOptions, EmailTemplates, Security, Sender, SmtpLogin, SmtpServer, UnsubscribeUrl,
};

use crate::email_delivery::EmailDelivery;

/// Flags of every process that sends e-mails. Without the feature `email`, there are none.
#[derive(Args, Debug, Clone, Default)]
pub struct EmailArgs {
    #[cfg(feature = "email")]
    #[command(flatten)]
    flags: EmailFlags,
}

/// The flags. Without the feature, only their variables are known.
#[derive(Args, Debug, Clone, Default)]
#[cfg_attr(not(feature = "email"), allow(dead_code, reason = "only the variables are used"))]
pub(crate) struct EmailFlags {
    /// Send notifications as e-mails over this SMTP server: smtps://HOST[:PORT] for TLS (port 465), smtp://HOST[:PORT] for
    /// STARTTLS, which is then required (port 587) [default: no e-mails]
    #[arg(long, env = "LOGISTICS_EMAIL_SMTP_URL", value_name = "URL", requires = "email_from")]
    email_smtp_url: Option<String>,
    /// The sender of e-mails: orders@shop.example, or Shop <orders@shop.example>
    #[arg(long, env = "LOGISTICS_EMAIL_FROM", value_name = "SENDER", requires = "email_smtp_url")]
    email_from: Option<String>,
    /// A file with the login at the SMTP server: the name on the first line and the password on the second [default: no login]
    #[arg(long, env = "LOGISTICS_EMAIL_CREDENTIALS_FILE", value_name = "FILE", requires = "email_smtp_url")]
    email_credentials_file: Option<PathBuf>,
    /// A file with the certificates (PEM) to trust at the SMTP server [default: those of the system]
    #[arg(long, env = "LOGISTICS_EMAIL_CA_FILE", value_name = "FILE", requires = "email_smtp_url")]
    email_ca_file: Option<PathBuf>,
    /// Do not encrypt the connection of an smtp:// URL, for tests and a relay on the same machine (port 25)
    #[arg(long, env = "LOGISTICS_EMAIL_SMTP_PLAINTEXT", requires = "email_smtp_url")]
    email_smtp_plaintext: bool,
    /// A folder of templates, LANGUAGE/EVENT.subject, .txt and .html, beside the built-in English and German
    #[arg(long, env = "LOGISTICS_EMAIL_TEMPLATES", value_name = "FOLDER", requires = "email_smtp_url")]
    email_templates: Option<PathBuf>,
    /// The language of recipients without one, and of those whose language has no templates [default: en]
    #[arg(long, env = "LOGISTICS_EMAIL_LANGUAGE", value_name = "LANGUAGE", requires = "email_smtp_url")]
    email_language: Option<Language>,
    /// The address for the header List-Unsubscribe: an https: or mailto: URL with {order_id}, {role} and {party} [default: no
    /// header]
    #[arg(long, env = "LOGISTICS_EMAIL_UNSUBSCRIBE_URL", value_name = "URL", requires = "email_smtp_url")]
    email_unsubscribe_url: Option<String>,
    /// E-mails per second that this process sends at most [default: no limit]
    #[arg(long, env = "LOGISTICS_EMAIL_RATE_MAX", value_name = "PER_SECOND", requires = "email_smtp_url", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    email_rate_max: Option<u32>,
    /// Connections to the SMTP server at the same time, from 1 to 100 [default: 4]
    #[arg(long, env = "LOGISTICS_EMAIL_CONNECTIONS_MAX", value_name = "COUNT", requires = "email_smtp_url", value_parser = clap::value_parser!(u16).range(1..=100))]
    email_connections_max: Option<u16>,
}

impl EmailArgs {
    /// What sends e-mails; `None`: none are sent.
    ///
    /// # Errors
    /// If a flag, a file or a template is invalid. The text contains no secret.
    pub fn delivery(&self) -> Result<Option<EmailDelivery>, Failure> {
        #[cfg(feature = "email")]
        return self.flags.delivery();
        #[cfg(not(feature = "email"))]
        Ok(None)
    }
}

#[cfg(feature = "email")]
impl EmailFlags {
    fn delivery(&self) -> Result<Option<EmailDelivery>, Failure> {
        let (Some(url), Some(from)) = (&self.email_smtp_url, &self.email_from) else { return Ok(None) };
        let mut options = EmailOptions::new(Sender::parse(from).map_err(|why| wrong("--email-from", why))?);
        if let Some(folder) = &self.email_templates {
            options.templates =
                EmailTemplates::from_folder(folder).map_err(|why| wrong("--email-templates", why))?;
        }
        if let Some(language) = &self.email_language {
            options.language = language.clone();
        }
        let unsubscribe = self.email_unsubscribe_url.as_deref().map(UnsubscribeUrl::parse).transpose();
        options.unsubscribe = unsubscribe.map_err(|why| wrong("--email-unsubscribe-url", why))?;
        options.rate_per_s_max = self.email_rate_max;
        if let Some(count) = self.email_connections_max {
            options.connections_max = usize::from(count);
        }
        let in_flight_max = options.connections_max;
        let notifier = EmailNotifier::new(self.server(url)?, options);
        let notifier = notifier.map_err(|why| wrong("--email-smtp-url", why))?;
        Ok(Some(EmailDelivery::over(Arc::new(notifier), in_flight_max)))
    }

    fn server(&self, url: &str) -> Result<SmtpServer, Failure> {
        let invalid = |why| wrong("--email-smtp-url", why);
        let mut server = SmtpServer::parse(url, self.email_smtp_plaintext).map_err(invalid)?;
        if server.security() == Security::Plaintext {
            tracing::warn!("--email-smtp-plaintext: e-mails travel unencrypted to the SMTP server");
        }
        if let Some(file) = &self.email_ca_file {
            let pem = read("--email-ca-file", file)?;
            if !pem.contains("BEGIN CERTIFICATE") {
                return Err(wrong(
                    "--email-ca-file",
                    format!("no PEM block BEGIN CERTIFICATE in {}", file.display()),
                ));
            }
            server = server.with_roots(pem.into_bytes());
        }
        if let Some(file) = &self.email_credentials_file {
            let of_file = |why| wrong("--email-credentials-file", format!("{}: {why}", file.display()));
            let login = SmtpLogin::parse(&read("--email-credentials-file", file)?).map_err(of_file)?;
            server = server.with_login(login).map_err(|why| wrong("--email-credentials-file", why))?;
        }
        Ok(server)
    }
}

#[cfg(feature = "email")]
fn read(flag: &str, file: &Path) -> Result<String, Failure> {
    let failed = |error| wrong(flag, format!("cannot read {}: {error}", file.display()));
    std::fs::read_to_string(file).map_err(failed)
}

#[cfg(feature = "email")]
fn wrong(flag: &str, why: impl std::fmt::Display) -> Failure {
    Failure::usage(format!("{flag}: {why}"))
}
