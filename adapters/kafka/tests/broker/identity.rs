//! The identity of the log.

use logistics_containers::until;
use logistics_core::port::Topic;
use logistics_kafka::KafkaBus;

use crate::system::{P0, System};

pub(crate) async fn created_again() {
    let system = System::start(1).await;
    let first = system.bus.identity().await.expect("the brokers say so");
    let other = KafkaBus::new(system.config.clone()).expect("valid settings");
    assert_eq!(other.identity().await.expect("the brokers say so"), first, "the same for every process");

    let membership = system.join().await;
    let log = membership.log(P0);
    assert_eq!(log.extent().await.expect("the brokers say so").log, first);
    let printed =
        system.kafka.tool(&["kafka-topics.sh", "--describe", "--topic", &system.topic(Topic::Orders)]).await;
    let parts: Vec<&str> = first.0.split('/').collect();
    let [cluster, topic_id, topic] = parts[..] else { panic!("{first}") };
    assert_eq!((cluster, topic), ("5L6g3nShT-eMCtK--X86sw", system.topic(Topic::Orders).as_str()));
    assert!(printed.contains(&format!("TopicId: {topic_id}")), "{topic_id} is not in {printed}");

    system.bus.delete_topics().await.expect("they are deleted");
    until("the topics are created again", async || {
        system.bus.create_topics(None).await.is_ok_and(|created| created.contains(&Topic::Orders))
    })
    .await;
    let second = log.extent().await.expect("the brokers say so").log;
    assert_ne!(second, first, "another log under the same name");
    assert_eq!(system.bus.identity().await.expect("the brokers say so"), second);
    membership.leave().await.expect("it leaves");
}
