//! Records of other producers with CloudEvent headers.

use logistics_core::Offset;
use logistics_core::port::Header as Known;
use rdkafka::message::{Header, OwnedHeaders};

use crate::system::{P0, System, read};

pub(crate) async fn arrive() {
    let system = System::start(1).await;
    let producer = system.producer(&[]);
    let written = [
        ("ce_specversion", Some("1.0")),
        ("traceparent", Some("00-1-2-01")),
        ("Content-Type", Some("application/json")),
        ("ce_type", Some("logistics.order.placement.requested")),
        ("ce_subject", Some("")),
        ("ce_source", None),
        ("c", Some("shorter than the prefix")),
    ];
    let headers = written
        .into_iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value }));
    system.produce(&producer, b"{}", Some(headers));
    system.produce(&producer, b"{}", None);

    let membership = system.join().await;
    let records = read(&*membership.log(P0), Offset(0), 2).await;
    let expected = [
        ("ce_specversion", "1.0"),
        ("Content-Type", "application/json"),
        ("ce_type", "logistics.order.placement.requested"),
        ("ce_subject", ""),
        ("ce_source", ""),
    ];
    let expected = expected.map(|(name, value)| Known { name: name.to_owned(), value: value.into() });
    assert_eq!(records[0].headers, expected);
    assert_eq!(records[1].headers, []);
    membership.leave().await.expect("it leaves");
}
