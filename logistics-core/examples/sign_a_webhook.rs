//! Signs the message about a delivered order with the secrets on the command line, at the time of its first argument.
//!
//! `cargo run -p logistics-core --features webhooks --example sign_a_webhook -- "$(date +%s)" whsec_...`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::disallowed_methods, reason = "the core receives its arguments; a program reads them")]

use logistics_core::notify::{Notification, Recipient};
use logistics_core::port::PartyRole;
use logistics_core::webhook::{EndpointId, EndpointOwner, MessageId, Secret, order_event, sign};
use logistics_core::{Actor, PartyId, Status, Timestamp, Version};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let seconds: i64 = args.next().ok_or("the first argument is a time in seconds")?.parse()?;
    let now = Timestamp::from_millis(seconds * 1000);
    let secrets: Vec<Secret> = args.map(|text| Secret::parse(&text)).collect::<Result<_, _>>()?;

    let merchant = PartyId::parse("merchant-7")?;
    let mut notification = Notification::new("order-1".parse()?, Version(5), Status::Delivered, now);
    notification.recipients = vec![Recipient::new(Actor::Merchant, Some(merchant.clone()))];
    let owner = EndpointOwner::Party(PartyRole::Merchant, merchant);

    let endpoint = EndpointId::parse("we_1")?;
    let id = MessageId::of(&notification.order_id, notification.version, &endpoint);
    let body = order_event(&notification, &owner, Some("https://api.example"));
    println!("webhook-id: {id}");
    println!("webhook-timestamp: {seconds}");
    println!("webhook-signature: {}", sign(&secrets, &id, now, &body));
    println!("\n{}", std::str::from_utf8(&body)?);
    Ok(())
}
