//! Webhook endpoints as text.

use std::fmt;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use logistics_cli_kit::Failure;
use logistics_core::text::Escaped;
use logistics_core::webhook::ReplyUse;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::api;

/// A page of endpoints.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub(super) endpoints: Vec<&'a RawValue>,
    pub(super) next_after: Option<String>,
}

impl Page<'_> {
    pub(super) fn parsed(&self) -> Result<Vec<Endpoint>, Failure> {
        self.endpoints.iter().map(|json| api::parsed(json.get().as_bytes())).collect()
    }
}

/// An endpoint, as the server shows it.
#[derive(Deserialize)]
pub(super) struct Endpoint {
    id: String,
    version: u64,
    owner: Owner,
    url: String,
    event_types: Option<Vec<String>>,
    #[serde(default)]
    description: Option<String>,
    /// Servers before this setting have none.
    #[serde(default)]
    reply: Option<String>,
    enabled: bool,
    #[serde(default)]
    disabled: Option<Disabled>,
    #[serde(default)]
    secrets: Vec<SecretOutline>,
    created_at: String,
    changed_at: String,
    #[serde(default)]
    secret: Option<String>,
}

#[derive(Deserialize)]
struct Owner {
    role: String,
    #[serde(default)]
    party: Option<String>,
}

#[derive(Deserialize)]
struct Disabled {
    reason: String,
    since: String,
}

#[derive(Deserialize)]
struct SecretOutline {
    signature: Option<String>,
    #[serde(default)]
    public_key: Option<String>,
    #[serde(default)]
    valid_until: Option<String>,
}

/// The result of a test.
#[derive(Deserialize)]
pub(super) struct Tested {
    message_id: String,
    pub(super) success: bool,
    status: Option<u16>,
    #[serde(default)]
    error: Option<String>,
    took_ms: u64,
}

/// What became of the messages.
#[derive(Deserialize)]
pub(super) struct Statistics {
    delivered: u64,
    failed: u64,
    dead: u64,
    last_success_at: Option<String>,
    last_failure_at: Option<String>,
    #[serde(default)]
    last_problem: Option<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    #[serde(default)]
    status: Option<u16>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped(&self.code))?;
        self.status.map_or(Ok(()), |status| write!(f, " {status}"))
    }
}

/// Messages that were given up.
#[derive(Deserialize)]
pub(super) struct DeadLetters<'a> {
    #[serde(borrow)]
    pub(super) dead_letters: Vec<&'a RawValue>,
    pub(super) more: bool,
}

impl DeadLetters<'_> {
    pub(super) fn parsed(&self) -> Result<Vec<DeadLetter>, Failure> {
        self.dead_letters.iter().map(|json| api::parsed(json.get().as_bytes())).collect()
    }
}

/// A message that was given up.
#[derive(Deserialize)]
pub(super) struct DeadLetter {
    order_id: String,
    version: u64,
    at: String,
    attempts: u32,
    #[serde(default)]
    problem: Option<Problem>,
}

/// The result of a redrive.
#[derive(Deserialize)]
pub(super) struct Redriven {
    pub(super) redriven: u64,
    pub(super) more: bool,
}

impl fmt::Display for Tested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { message_id, success, status, error, took_ms } = self;
        let (message_id, error) = (Escaped(message_id), error.as_deref().map(Escaped));
        match (status, error) {
            (Some(status), _) if *success => {
                write!(f, "the endpoint accepted {message_id}: status {status} after {took_ms} ms")
            }
            (Some(status), _) => {
                write!(f, "the endpoint did not accept {message_id}: status {status} after {took_ms} ms")
            }
            (None, Some(error)) => write!(f, "no answer to {message_id}: {error}"),
            (None, None) => write!(f, "no answer to {message_id}"),
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped(&self.role))?;
        self.party.as_ref().map_or(Ok(()), |party| write!(f, " {}", Escaped(party)))
    }
}

impl fmt::Display for SecretOutline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Escaped(self.signature.as_deref().unwrap_or("sealed with another key")))?;
        if let Some(key) = &self.public_key {
            write!(f, ", public key {}", Escaped(key))?;
        }
        self.valid_until.as_ref().map_or(Ok(()), |until| write!(f, ", until {}", Escaped(until)))
    }
}

/// One endpoint with all its fields. A new secret is below the table, because it is easier to copy there.
pub(super) fn endpoint(endpoint: &Endpoint) -> String {
    let mut table = table();
    let mut row = |name: &str, value: String| _ = table.add_row([name.to_owned(), value]);
    row("Endpoint", escaped(&endpoint.id));
    row("URL", escaped(&endpoint.url));
    row("Owner", endpoint.owner.to_string());
    row("Events", events(endpoint));
    row("State", state(endpoint));
    row("Version", endpoint.version.to_string());
    row("Created", escaped(&endpoint.created_at));
    row("Changed", escaped(&endpoint.changed_at));
    if let Some(description) = &endpoint.description {
        row("Description", escaped(description));
    }
    if let Some(reply) = endpoint.reply.as_ref().filter(|reply| *reply != ReplyUse::Ignored.name()) {
        row("Replies", escaped(reply));
    }
    for secret in &endpoint.secrets {
        row("Signature", secret.to_string());
    }
    match &endpoint.secret {
        Some(secret) => format!("{table}\nSecret, shown this once: {}", Escaped(secret)),
        None => table.to_string(),
    }
}

/// Endpoints, one per row.
pub(super) fn endpoints(endpoints: &[Endpoint]) -> String {
    let mut table = table();
    table.set_header(["Endpoint", "Owner", "URL", "Events", "State", "Description"]);
    for endpoint in endpoints {
        table.add_row([
            escaped(&endpoint.id),
            endpoint.owner.to_string(),
            escaped(&endpoint.url),
            events(endpoint),
            state(endpoint),
            endpoint.description.as_deref().map(escaped).unwrap_or_default(),
        ]);
    }
    table.to_string()
}

/// The sums of an endpoint.
pub(super) fn statistics(statistics: &Statistics) -> String {
    let mut table = table();
    let mut row = |name: &str, value: String| _ = table.add_row([name.to_owned(), value]);
    row("Delivered", statistics.delivered.to_string());
    row("Failed attempts", statistics.failed.to_string());
    row("Given up", statistics.dead.to_string());
    let time = |time: &Option<String>| time.as_deref().map_or_else(|| "never".to_owned(), escaped);
    row("Last success", time(&statistics.last_success_at));
    row("Last failure", time(&statistics.last_failure_at));
    if let Some(problem) = &statistics.last_problem {
        row("Last problem", problem.to_string());
    }
    table.to_string()
}

/// Messages, one per row.
pub(super) fn dead_letters(letters: &[DeadLetter]) -> String {
    if letters.is_empty() {
        return "No dead letters found.".to_owned();
    }
    let mut table = table();
    table.set_header(["Order", "Version", "Given up", "Attempts", "Problem"]);
    for letter in letters {
        table.add_row([
            escaped(&letter.order_id),
            letter.version.to_string(),
            escaped(&letter.at),
            letter.attempts.to_string(),
            letter.problem.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]);
    }
    table.to_string()
}

fn events(endpoint: &Endpoint) -> String {
    let short = |name: &String| escaped(name.strip_prefix("logistics.order.").unwrap_or(name));
    match &endpoint.event_types {
        None => "all".to_owned(),
        Some(names) => names.iter().map(short).collect::<Vec<_>>().join(", "),
    }
}

fn state(endpoint: &Endpoint) -> String {
    match &endpoint.disabled {
        _ if endpoint.enabled => "enabled".to_owned(),
        Some(Disabled { reason, since }) => {
            format!("disabled ({}) since {}", Escaped(reason), Escaped(since))
        }
        None => "disabled".to_owned(),
    }
}

fn escaped(text: &str) -> String {
    Escaped(text).to_string()
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table
}
