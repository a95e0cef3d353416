//! `logistics keys`: the API keys and client certificates of a key file.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use logistics_access::{KeyEntry, KeyFile, KeyFileError, NewCredential, NewEntry};
use logistics_cli_kit::output::{self, Lines};
use logistics_cli_kit::{Failure, Span};
use logistics_core::Timestamp;
use logistics_core::port::Clock;
use logistics_core::text::{Escaped, escaped_json};
use logistics_service::{Role, Scope};
use logistics_tokio::SystemClock;

use crate::names::PROGRAM;

/// Flags of `keys`.
#[derive(Args, Debug)]
pub(crate) struct KeysCommand {
    #[command(subcommand)]
    command: KeysSubcommand,
}

#[derive(Subcommand, Debug)]
enum KeysSubcommand {
    /// Create an API key and print it once, on standard output. The file contains its hash only
    Create(Box<CreateArgs>),
    /// List the entries of a key file, without secrets
    List(ListArgs),
    /// Revoke an entry, or all entries of a name. Running servers refuse it within seconds
    Revoke(RevokeArgs),
}

#[derive(Args, Debug)]
struct FileArgs {
    /// The key file
    #[arg(long, env = "LOGISTICS_API_KEYS_FILE", value_name = "FILE")]
    file: PathBuf,
}

#[derive(Args, Debug)]
struct CreateArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Whose key it is. Several keys may have one name, for rotation
    #[arg(long)]
    name: String,
    /// What the principal is; may be repeated
    #[arg(long = "role", value_name = "ROLE", required = true, value_parser = role())]
    roles: Vec<Role>,
    /// What a principal with the role `service` may do; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", value_parser = scope())]
    scopes: Vec<Scope>,
    /// The party with the role `customer`
    #[arg(long)]
    customer_id: Option<String>,
    /// The party with the role `merchant`
    #[arg(long)]
    merchant_id: Option<String>,
    /// The party with the role `courier`
    #[arg(long)]
    courier_id: Option<String>,
    /// When the key expires: a time such as 2026-12-31T00:00:00Z, or a span such as 720h [default: never]
    #[arg(long, value_name = "TIME|SPAN")]
    expires: Option<Expiry>,
    /// Enter the client certificate with this SHA-256 of its DER instead of a new key, as `openssl x509 -fingerprint -sha256`
    /// prints it
    #[arg(long, value_name = "HEX")]
    certificate_sha256: Option<Fingerprint>,
}

#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Print one JSON document per entry
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct RevokeArgs {
    #[command(flatten)]
    file: FileArgs,
    /// An id, or a name for all of its entries
    #[arg(value_name = "ID|NAME")]
    entry: String,
}

fn role() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::name))
        .try_map(|name| Role::from_name(&name).ok_or("unknown role"))
}

fn scope() -> impl TypedValueParser<Value = Scope> {
    PossibleValuesParser::new(Scope::ALL.map(Scope::name))
        .try_map(|name| Scope::from_name(&name).ok_or("unknown scope"))
}

#[derive(Debug, Clone, Copy)]
enum Expiry {
    At(Timestamp),
    In(Span),
}

impl FromStr for Expiry {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let at = text.parse().map(Self::At).ok();
        at.or_else(|| text.parse().map(Self::In).ok()).ok_or_else(|| {
            format!("{text:?} is neither a time such as 2026-12-31T00:00:00Z nor a span such as 720h")
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Fingerprint([u8; 32]);

impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits: Vec<u32> = text.chars().filter(|c| *c != ':').map_while(|c| c.to_digit(16)).collect();
        let complete = digits.len() == 64 && text.chars().filter(|c| *c != ':').count() == 64;
        let bytes = digits.chunks_exact(2).filter_map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok());
        let bytes: Vec<u8> = bytes.collect();
        bytes
            .try_into()
            .ok()
            .filter(|_| complete)
            .map(Self)
            .ok_or_else(|| "write 64 hexadecimal digits".to_owned())
    }
}

pub(crate) fn run(command: KeysCommand) -> Result<(), Failure> {
    match command.command {
        KeysSubcommand::Create(args) => create(*args),
        KeysSubcommand::List(args) => list(&args),
        KeysSubcommand::Revoke(args) => revoke(&args),
    }
}

fn failed(error: &KeyFileError) -> Failure {
    Failure::usage(error.to_string())
}

fn create(args: CreateArgs) -> Result<(), Failure> {
    let now = SystemClock.now();
    check_parties(&args)?;
    let expires = args.expires.map(|expiry| match expiry {
        Expiry::At(time) => time,
        Expiry::In(span) => now.after_millis(span.ms),
    });
    if expires.is_some_and(|expires| expires <= now) {
        return Err(Failure::usage("--expires is in the past"));
    }
    let new = NewEntry {
        name: args.name,
        roles: args.roles.iter().map(|role| role.name().to_owned()).collect(),
        scopes: args.scopes.iter().map(|scope| scope.name().to_owned()).collect(),
        customer_id: args.customer_id,
        merchant_id: args.merchant_id,
        courier_id: args.courier_id,
        expires,
    };
    let credential = match args.certificate_sha256 {
        Some(Fingerprint(digest)) => NewCredential::Certificate(digest),
        None => NewCredential::ApiKey,
    };
    let file = KeyFile::new(&args.file.file);
    let (entry, key) = file.create(new, credential, now).map_err(|error| failed(&error))?;
    match key {
        Some(key) => {
            output::line(key.reveal());
            // Only the key is on standard output, so that a script can capture it.
            explain(&format!("created key {} for {}; it is shown only now", entry.id, entry.name));
        }
        None => explain(&format!("entered the certificate as {} for {}", entry.id, entry.name)),
    }
    Ok(())
}

fn explain(text: &str) {
    output::complain(PROGRAM, text);
}

/// A party without its role has no effect, and neither has the role of a party without its party.
fn check_parties(args: &CreateArgs) -> Result<(), Failure> {
    for (role, id) in [
        (Role::Customer, &args.customer_id),
        (Role::Merchant, &args.merchant_id),
        (Role::Courier, &args.courier_id),
    ] {
        let name = role.name();
        match (args.roles.contains(&role), id.is_some()) {
            (true, false) => return Err(Failure::usage(format!("--role {name} needs --{name}-id"))),
            (false, true) => return Err(Failure::usage(format!("--{name}-id needs --role {name}"))),
            _ => {}
        }
    }
    if !args.scopes.is_empty() && !args.roles.contains(&Role::Service) {
        return Err(Failure::usage("--scope needs --role service"));
    }
    Ok(())
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let entries = KeyFile::new(&args.file.file).entries().map_err(|error| failed(&error))?;
    if args.json {
        return print_json(&entries);
    }
    if entries.is_empty() {
        output::line("No keys found.");
        return Ok(());
    }
    let now = SystemClock.now();
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(["Id", "Name", "Kind", "Roles", "Party", "Created", "Status"]);
    for entry in &entries {
        let kind = if entry.certificate_sha256.is_some() { "certificate" } else { "key" };
        let roles: Vec<_> = entry.roles.iter().chain(&entry.scopes).map(String::as_str).collect();
        let parties = [&entry.customer_id, &entry.merchant_id, &entry.courier_id];
        let parties: Vec<_> = parties.into_iter().flatten().map(|id| Escaped(id).to_string()).collect();
        table.add_row([
            entry.id.clone(),
            Escaped(&entry.name).to_string(),
            kind.to_owned(),
            roles.join(", "),
            parties.join(", "),
            entry.created.to_string(),
            status(entry, now),
        ]);
    }
    output::line(table.to_string());
    Ok(())
}

fn status(entry: &KeyEntry, now: Timestamp) -> String {
    match (entry.revoked, entry.expires) {
        (Some(revoked), _) => format!("revoked {revoked}"),
        (None, Some(expires)) if expires <= now => format!("expired {expires}"),
        (None, Some(expires)) => format!("valid until {expires}"),
        (None, None) => "valid".to_owned(),
    }
}

/// Hashes of random secrets reveal nothing, but a list has no use for them.
fn print_json(entries: &[KeyEntry]) -> Result<(), Failure> {
    let mut lines = Lines::stdout();
    for entry in entries {
        let mut entry = entry.clone();
        entry.secret_sha256 = None;
        let json = serde_json::to_string(&entry).map_err(|error| Failure::usage(error.to_string()))?;
        if !lines.write(&escaped_json(&json))? {
            return Ok(());
        }
    }
    lines.flush().map(|_| ())
}

fn revoke(args: &RevokeArgs) -> Result<(), Failure> {
    let file = KeyFile::new(&args.file.file);
    let revoked = file.revoke(&args.entry, SystemClock.now()).map_err(|error| failed(&error))?;
    if revoked.is_empty() {
        let shown = args.file.file.display();
        return Err(Failure::refused(format!(
            "{shown} has no valid entry with the id or name {:?}",
            args.entry
        )));
    }
    for entry in revoked {
        output::line(format!("revoked {} of {}", entry.id, Escaped(&entry.name)));
    }
    Ok(())
}
