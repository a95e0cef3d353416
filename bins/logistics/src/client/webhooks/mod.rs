//! `logistics webhooks`: the webhook endpoints of a server.

mod args;
mod show;

use std::path::Path;

use bytes::Bytes;
use clap::{Args, Subcommand};
use hyper::Method;
use logistics_cli_kit::{Failure, output};
use logistics_core::webhook::EndpointId;
use serde_json::json;

use super::ClientArgs;
use super::api::{self, Api};
use args::{ChangeArgs, CreateArgs, DeadLettersArgs, OneArgs, RedriveArgs, RotateArgs, VersionedArgs};

/// Flags of `webhooks`.
#[derive(Args, Debug)]
pub(crate) struct WebhooksCommand {
    #[command(subcommand)]
    command: WebhooksSubcommand,
}

#[derive(Subcommand, Debug)]
enum WebhooksSubcommand {
    /// Create an endpoint and print its secret, which the server shows this once
    Create(Box<CreateArgs>),
    /// List the endpoints that the caller manages
    List(ListArgs),
    /// Show an endpoint
    Show(OneArgs),
    /// Change the URL, the event types or the description of an endpoint
    Change(Box<ChangeArgs>),
    /// Send a test message to an endpoint now: exit code 1 if the endpoint does not accept it
    Test(OneArgs),
    /// Enable an endpoint
    Enable(VersionedArgs),
    /// Disable an endpoint
    Disable(VersionedArgs),
    /// Give an endpoint a new secret and print it once. The previous one signs as well for some time
    Rotate(Box<RotateArgs>),
    /// Delete an endpoint for good
    Delete(VersionedArgs),
    /// Show what became of the messages to an endpoint
    Statistics(OneArgs),
    /// List the messages to an endpoint that were given up, the latest first
    DeadLetters(DeadLettersArgs),
    /// Deliver messages that were given up again: one, or all since a time
    Redrive(RedriveArgs),
}

/// Flags of `webhooks list`.
#[derive(Args, Debug)]
struct ListArgs {
    #[command(flatten)]
    client: ClientArgs,
}

/// Runs the subcommand.
pub(crate) async fn run(command: WebhooksCommand) -> Result<(), Failure> {
    match command.command {
        WebhooksSubcommand::Create(args) => create(*args).await,
        WebhooksSubcommand::List(args) => list(&args.client).await,
        WebhooksSubcommand::Show(args) => {
            let json = args.client.api()?.get(&path(&args.id, "")).await?;
            shown(&args.client, &json)
        }
        WebhooksSubcommand::Change(args) => change(*args).await,
        WebhooksSubcommand::Test(args) => test(&args).await,
        WebhooksSubcommand::Enable(args) => switch(&args, "/enable").await,
        WebhooksSubcommand::Disable(args) => switch(&args, "/disable").await,
        WebhooksSubcommand::Rotate(args) => rotate(*args).await,
        WebhooksSubcommand::Delete(args) => delete(&args).await,
        WebhooksSubcommand::Statistics(args) => statistics(&args).await,
        WebhooksSubcommand::DeadLetters(args) => dead_letters(&args).await,
        WebhooksSubcommand::Redrive(args) => redrive(&args).await,
    }
}

async fn create(args: CreateArgs) -> Result<(), Failure> {
    let mut body = json!({ "url": args.endpoint_url.as_str() });
    args.settings.put(&mut body);
    if let Some(owner) = &args.owner {
        body["owner"] = owner.to_json();
    }
    args.secret.put(&mut body)?;
    let headers: Vec<_> =
        args.idempotency_key.as_deref().map(|key| ("idempotency-key", key)).into_iter().collect();
    let mut api = args.client.api()?;
    let json = api.call(Method::POST, "/webhooks/endpoints", &headers, text(&body)).await?;
    shown(&args.client, &json)
}

async fn change(args: ChangeArgs) -> Result<(), Failure> {
    let mut body = json!({});
    if let Some(url) = &args.endpoint_url {
        body["url"] = url.as_str().into();
    }
    args.settings.put(&mut body);
    if args.all_events {
        body["event_types"] = serde_json::Value::Null;
    }
    if args.no_description {
        body["description"] = serde_json::Value::Null;
    }
    let json = versioned(&args.one, Method::PATCH, "", text(&body)).await?;
    shown(&args.one.client, &json)
}

async fn rotate(args: RotateArgs) -> Result<(), Failure> {
    let mut body = json!({});
    if let Some(overlap) = args.overlap {
        body["overlap_s"] = overlap.ms.div_ceil(1000).into();
    }
    args.secret.put(&mut body)?;
    let json = versioned(&args.one, Method::POST, "/rotate", text(&body)).await?;
    shown(&args.one.client, &json)
}

async fn switch(args: &VersionedArgs, action: &str) -> Result<(), Failure> {
    let json = versioned(args, Method::POST, action, Bytes::new()).await?;
    shown(&args.client, &json)
}

async fn delete(args: &VersionedArgs) -> Result<(), Failure> {
    versioned(args, Method::DELETE, "", Bytes::new()).await?;
    if !args.client.json {
        output::line(format!("{} is deleted", args.id));
    }
    Ok(())
}

async fn test(args: &OneArgs) -> Result<(), Failure> {
    let mut api = args.client.api()?;
    let json = api.call(Method::POST, &path(&args.id, "/test"), &[], Bytes::new()).await?;
    let tested: show::Tested = api::parsed(&json)?;
    if args.client.json {
        output::json(&json);
    } else if tested.success {
        output::line(tested.to_string());
    }
    if tested.success { Ok(()) } else { Err(Failure::refused(tested.to_string())) }
}

async fn statistics(args: &OneArgs) -> Result<(), Failure> {
    let json = args.client.api()?.get(&path(&args.id, "/statistics")).await?;
    if args.client.json {
        output::json(&json);
    } else {
        output::line(show::statistics(&api::parsed(&json)?));
    }
    Ok(())
}

async fn dead_letters(args: &DeadLettersArgs) -> Result<(), Failure> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &args.limit.to_string());
    query.extend_pairs(args.since.map(|since| ("since", since.to_string())));
    let path = format!("{}?{}", path(&args.one.id, "/dead-letters"), query.finish());
    let json = args.one.client.api()?.get(&path).await?;
    let found: show::DeadLetters<'_> = api::parsed(&json)?;
    if args.one.client.json {
        for letter in &found.dead_letters {
            output::json(letter.get().as_bytes());
        }
        return Ok(());
    }
    output::line(show::dead_letters(&found.parsed()?));
    if found.more {
        output::line("There are more: --limit or --since shows them.");
    }
    Ok(())
}

async fn redrive(args: &RedriveArgs) -> Result<(), Failure> {
    let mut api = args.one.client.api()?;
    let path = path(&args.one.id, "/redrive");
    let json = api.call(Method::POST, &path, &[], text(&args.body())).await?;
    if args.one.client.json {
        output::json(&json);
        return Ok(());
    }
    let redriven: show::Redriven = api::parsed(&json)?;
    output::line(format!("{} messages will be delivered again", redriven.redriven));
    if redriven.more {
        output::line("There are more: repeat the command.");
    }
    Ok(())
}

/// Prints all endpoints, page by page.
async fn list(client: &ClientArgs) -> Result<(), Failure> {
    let mut api = client.api()?;
    let (mut query, mut found) = (String::new(), false);
    loop {
        let json = api.get(&format!("/webhooks/endpoints{query}")).await?;
        let page: show::Page<'_> = api::parsed(&json)?;
        if client.json {
            for endpoint in &page.endpoints {
                output::json(endpoint.get().as_bytes());
            }
        } else if !page.endpoints.is_empty() {
            output::line(show::endpoints(&page.parsed()?));
        }
        found |= !page.endpoints.is_empty();
        let Some(after) = page.next_after else { break };
        query = format!("?after={after}");
    }
    if !found && !client.json {
        output::line("No webhook endpoints found.");
    }
    Ok(())
}

async fn versioned(
    args: &VersionedArgs,
    method: Method,
    action: &str,
    body: Bytes,
) -> Result<Bytes, Failure> {
    let version = args.if_version.map(|version| format!("\"{version}\""));
    let headers: Vec<_> = version.as_deref().map(|version| ("if-match", version)).into_iter().collect();
    let mut api: Api = args.client.api()?;
    api.call(method, &path(&args.id, action), &headers, body).await
}

fn shown(client: &ClientArgs, json: &[u8]) -> Result<(), Failure> {
    if client.json {
        output::json(json);
    } else {
        output::line(show::endpoint(&api::parsed(json)?));
    }
    Ok(())
}

fn path(id: &EndpointId, action: &str) -> String {
    format!("/webhooks/endpoints/{id}{action}")
}

fn text(body: &serde_json::Value) -> Bytes {
    Bytes::from(body.to_string())
}

/// The content of a file with a secret, without the end of its line.
fn secret_in(file: &Path) -> Result<String, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read the secret in {shown}: {error}")))?;
    Ok(text.trim().to_owned())
}
