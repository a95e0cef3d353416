//! A damaged file of a broker.

use logistics_containers::until;
use logistics_core::Offset;
use logistics_core::port::{PortErrorKind, Topic};

use crate::system::{LIMIT, P0, System, TIMEOUT};

const WRITTEN: &[u8] = b"as it was written";

pub(crate) async fn is_refused() {
    let system = System::start(1).await;
    let producer = system.producer(&[]);
    system.produce(&producer, b"good", None);
    system.produce(&producer, WRITTEN, None);
    system.produce(&producer, b"behind it", None);
    damage(&system).await;

    let membership = system.join().await;
    let log = membership.log(P0);
    let read = async |from| tokio::time::timeout(TIMEOUT, log.read(from, LIMIT)).await.expect("in time");
    let good = read(Offset(0)).await.expect("what lies before it");
    let payloads: Vec<&[u8]> = good.records.iter().map(|record| &record.payload[..]).collect();
    assert_eq!((payloads, good.next), (vec![&b"good"[..]], Offset(1)));
    for _ in 0..2 {
        let refused = read(Offset(1)).await.expect_err("it cannot be decoded");
        assert_eq!(refused.kind(), PortErrorKind::Corrupt);
        let text = refused.to_string();
        for part in [
            &format!("partition 0 of {} at ", system.topic(Topic::Orders)),
            "at offset 1 ",
            "kafka-dump-log.sh",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }
    membership.leave().await.expect("it leaves");
}

/// Changes one byte of a record in the broker's file. The broker does not validate the file again.
async fn damage(system: &System) {
    let name = format!("{}-0/00000000000000000000.log", system.topic(Topic::Orders));
    let broker = &system.kafka.brokers()[0];
    let found = broker.exec(["sh", "-c", &format!("find / -path '*/{name}' 2>/dev/null")]).await;
    let file = found.trim();
    assert!(!file.is_empty(), "there is no {name}");
    until("the record is in the file", async || place(system, file).await.is_some()).await;
    let place = place(system, file).await.expect("it was there");
    let line = format!("printf X | dd of={file} bs=1 seek={place} conv=notrunc 2>/dev/null");
    broker.exec(["sh", "-c", &line]).await;
}

async fn place(system: &System, file: &str) -> Option<usize> {
    let printed = system.kafka.brokers()[0].exec(["od", "-An", "-v", "-tx1", file]).await;
    let bytes: Vec<u8> =
        printed.split_whitespace().filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes.windows(WRITTEN.len()).position(|window| window == WRITTEN)
}
