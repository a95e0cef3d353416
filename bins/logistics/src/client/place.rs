//! `logistics place`

use std::io;

use clap::Args;
use logistics_core::{Contact, Details, EmailAddress, Language, PartyId, Placement};

use super::ClientArgs;
use logistics_cli_kit::Failure;
use logistics_cli_kit::output;

/// Flags of `place`.
#[derive(Args, Debug)]
pub(crate) struct PlaceArgs {
    /// The customer's id
    #[arg(long)]
    customer: Option<PartyId>,
    /// The merchant's id
    #[arg(long)]
    merchant: Option<PartyId>,
    /// The courier's id
    #[arg(long)]
    courier: Option<PartyId>,
    /// The customer's e-mail address, for notifications alone
    #[arg(long, value_name = "ADDRESS")]
    customer_email: Option<EmailAddress>,
    /// The language of the customer's e-mails, such as de-AT
    #[arg(long, value_name = "LANGUAGE", requires = "customer_email")]
    customer_language: Option<Language>,
    /// The merchant's e-mail address, for notifications alone
    #[arg(long, value_name = "ADDRESS")]
    merchant_email: Option<EmailAddress>,
    /// The language of the merchant's e-mails
    #[arg(long, value_name = "LANGUAGE", requires = "merchant_email")]
    merchant_language: Option<Language>,
    /// Further details as JSON; @FILE reads them from a file, - from standard input
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    details: Option<String>,
    /// The Idempotency-Key: with the same key, a repeated command returns the original order
    #[arg(long)]
    key: Option<String>,
    /// How many orders to place
    #[arg(long, default_value_t = 1, conflicts_with = "key", value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    #[command(flatten)]
    client: ClientArgs,
}

/// Places the orders, and prints each id after the log has stored the order.
pub(crate) async fn run(args: PlaceArgs) -> Result<(), Failure> {
    let placement = placement(&args)?;
    let PlaceArgs { key, count, client, .. } = args;
    let mut api = client.api()?;
    for _ in 0..count {
        let placed = api.place(&placement, key.as_deref()).await?;
        if client.json {
            output::json(&placed.json);
        } else {
            output::line(placed.order_id.as_str());
        }
    }
    Ok(())
}

fn placement(args: &PlaceArgs) -> Result<Placement, Failure> {
    let mut placement = Placement::new();
    placement.customer_id.clone_from(&args.customer);
    placement.merchant_id.clone_from(&args.merchant);
    placement.courier_id.clone_from(&args.courier);
    placement.details = args.details.as_deref().map(parsed).transpose()?;
    placement.contacts.customer = contact(args.customer_email.as_ref(), args.customer_language.as_ref());
    placement.contacts.merchant = contact(args.merchant_email.as_ref(), args.merchant_language.as_ref());
    Ok(placement)
}

fn contact(email: Option<&EmailAddress>, language: Option<&Language>) -> Option<Contact> {
    let mut contact = Contact::new(email?.clone());
    contact.language = language.cloned();
    Some(contact)
}

fn parsed(text: &str) -> Result<Details, Failure> {
    let json =
        read(text).map_err(|error| Failure::usage(format!("cannot read --details {text}: {error}")))?;
    Details::parse(json.trim()).map_err(|error| Failure::usage(format!("--details: {error}")))
}

/// The text itself, or the contents of the file or of standard input.
fn read(text: &str) -> io::Result<String> {
    match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path),
        None if text == "-" => io::read_to_string(io::stdin()),
        None => Ok(text.to_owned()),
    }
}
