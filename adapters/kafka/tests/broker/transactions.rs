//! A transaction of another client that stays open.

use std::time::Duration;

use logistics_containers::{Kafka, until};
use logistics_core::Offset;
use logistics_core::port::{EventBus, Topic};
use logistics_kafka::{Config, KafkaBus, Sasl, SaslMechanism};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::lines;
use crate::system::{LIMIT, P0, System, TIMEOUT, read};

pub(crate) async fn is_waited_for() {
    let mut system = System::start(1).await;
    system.config.hidden_ms = 500;
    system.bus = KafkaBus::new(system.config.clone()).expect("valid settings");

    // Longer than any timeout of the bus.
    let settings = [("transactional.id", "forgotten\u{1b}[2J"), ("transaction.timeout.ms", "600000")];
    let producer = system.producer(&settings);
    producer.init_transactions(TIMEOUT).expect("the first of its name");
    producer.begin_transaction().expect("a transaction");
    system.produce(&producer, b"hidden", None);
    system.produce(&system.producer(&[]), b"behind it", None);

    assert_eq!(system.bus.hidden_from().await.expect("the ends"), [Some(Offset(0))]);

    let membership = system.join().await;
    let log = membership.log(P0);
    let extent = log.extent().await.expect("the extent");
    assert_eq!(extent.bounds.end, Offset(2), "the end includes hidden records");

    let waits = format!("partition 0 of {} at ", system.topic(Topic::Orders));
    tokio::select! {
        read = log.read(Offset(0), LIMIT) => panic!("the records are hidden, not lost: {read:?}"),
        () = until("the producer is named", async || !lines::with(&waits).is_empty()) => {}
    }
    // Reading continues after `hidden_ms`, and the warning is not repeated within a minute.
    let kept = tokio::time::timeout(Duration::from_secs(3), log.read(Offset(0), LIMIT)).await;
    assert!(kept.is_err(), "the records are hidden, not lost: {kept:?}");
    let logged = lines::with(&waits);
    assert_eq!(logged.len(), 1, "{logged:?}");
    for part in [r"forgotten\u{1b}[2J", "state Ongoing", "open since ", "which the brokers abort at "] {
        assert!(logged[0].contains(part), "{part:?} is not in {logged:?}");
    }

    producer.commit_transaction(TIMEOUT).expect("it is ended");
    let payloads: Vec<_> =
        read(&*log, Offset(0), 2).await.into_iter().map(|record| record.payload.to_vec()).collect();
    assert_eq!(payloads, [b"hidden".to_vec(), b"behind it".to_vec()]);
    membership.leave().await.expect("it leaves");
}

/// Committed readers stop at the first record of an open transaction, until it ends in either way.
pub(crate) async fn is_located() {
    let system = System::start(3).await;
    let hidden = async || system.bus.hidden_from().await.expect("the ends");
    assert_eq!(hidden().await, [None; 3], "of an empty log");
    let plain = system.producer(&[]);
    system.produce(&plain, b"visible", None);
    assert_eq!(hidden().await, [None; 3], "of a log without transactions");

    let producer = system.producer(&[("transactional.id", "located")]);
    producer.init_transactions(TIMEOUT).expect("the first of its name");
    let mut first = 1;
    for aborts in [true, false] {
        producer.begin_transaction().expect("a transaction");
        assert_eq!(hidden().await, [None; 3], "of a transaction without records");
        system.produce(&producer, b"hidden", None);
        let open = [Some(Offset(first)), None, None];
        assert_eq!(hidden().await, open, "of an open transaction");
        system.produce(&plain, b"behind it", None);
        assert_eq!(hidden().await, open, "it does not move while the transaction is open");
        let ended =
            if aborts { producer.abort_transaction(TIMEOUT) } else { producer.commit_transaction(TIMEOUT) };
        ended.expect("the transaction ends");
        until("readers reach the end", async || hidden().await == [None; 3]).await;
        // The two records and the marker of the transaction.
        first += 3;
    }
}

/// Brokers with SASL are not queried: the warning names the tool instead.
pub(crate) async fn is_waited_for_without_its_name() {
    let kafka = Kafka::start_with_password("orders", "swordfish").await;
    let mut config = Config::new(kafka.address(), 1);
    config.hidden_ms = 500;
    config.topic_prefix = "sasl.".to_owned();
    config.security.sasl = Some(Sasl::new(SaslMechanism::Plain, "orders", "swordfish"));
    let bus = KafkaBus::new(config).expect("valid settings");
    bus.create_topics(None).await.expect("the topics are created");
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.address())
        .set("security.protocol", "sasl_plaintext")
        .set("sasl.mechanism", "PLAIN")
        .set("sasl.username", "orders")
        .set("sasl.password", "swordfish")
        .set("transactional.id", "forgotten")
        .create()
        .expect("a producer");
    producer.init_transactions(TIMEOUT).expect("the first of its name");
    producer.begin_transaction().expect("a transaction");
    producer
        .send(BaseRecord::<str, str>::to("sasl.orders").partition(0).payload("hidden"))
        .expect("it is queued");
    producer.flush(TIMEOUT).expect("it is written");

    let mut tail = bus.tail(Topic::Orders, P0, Offset(0)).await.expect("a reader");
    let waits = "partition 0 of sasl.orders at ";
    tokio::select! {
        read = tail.next(LIMIT) => panic!("the records are hidden, not lost: {read:?}"),
        () = until("the tool is named", async || !lines::with(waits).is_empty()) => {}
    }
    let logged = lines::with(waits);
    assert!(logged[0].contains("find-hanging --topic sasl.orders --partition 0"), "{logged:?}");
    producer.commit_transaction(TIMEOUT).expect("it is ended");
    let read = tokio::time::timeout(TIMEOUT, tail.next(LIMIT)).await.expect("in time").expect("it is read");
    assert_eq!(read.records[0].payload, "hidden");
}
