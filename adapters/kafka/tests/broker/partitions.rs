//! A topic that gets more partitions while members run.

use std::collections::BTreeSet;

use futures::FutureExt as _;
use logistics_containers::until;
use logistics_core::Partition;
use logistics_core::port::{EventBus, GroupEvent, Membership, PortErrorKind, Topic};

use crate::system::{System, TIMEOUT};

pub(crate) async fn are_left_alone() {
    let system = System::start(2).await;
    let leaving = system.join().await;
    let staying = system.bus.join().await.expect("another member");
    let staying = follow(staying, leaving, &system).await;

    let refused = system.bus.check_topics().await.expect_err("it has others than configured");
    assert_eq!(refused.kind(), PortErrorKind::Refused, "{refused}");
    let orders = system.topic(Topic::Orders);
    for part in [&format!("the topic {orders} at "), "has 3 partitions and the settings say 2"] {
        assert!(refused.to_string().contains(part), "{part:?} is not in {refused}");
    }
    assert!(system.bus.join().await.is_err_and(|error| error.kind() == PortErrorKind::Refused));
    staying.leave().await.expect("it leaves");
}

/// Adds a partition and lets one member leave, so that the group assigns all three partitions to the other.
async fn follow(
    staying: Box<dyn Membership>,
    leaving: Box<dyn Membership>,
    system: &System,
) -> Box<dyn Membership> {
    let orders = system.topic(Topic::Orders);
    let printed =
        system.kafka.tool(&["kafka-topics.sh", "--alter", "--topic", &orders, "--partitions", "3"]).await;
    assert!(printed.trim().is_empty(), "{printed}");
    leaving.leave().await.expect("it leaves");
    let mut owned = BTreeSet::new();
    while owned.len() < 2 {
        let event = tokio::time::timeout(TIMEOUT, staying.next()).await.expect("in time").expect("an event");
        take(&*staying, event, &mut owned).await;
    }
    let group = format!("{}{}", system.config.topic_prefix, system.config.group);
    until("the group gives all three to one member", async || {
        let line = ["kafka-consumer-groups.sh", "--describe", "--members", "--verbose", "--group", &group];
        let printed = system.kafka.tool(&line).await;
        // The first is the format before Kafka 4.0.
        ["{orders}(0,1,2)", "{orders}:0,1,2"]
            .iter()
            .any(|all| printed.contains(&all.replace("{orders}", &orders)))
    })
    .await;
    // The member got its assignment before the tool could show it.
    while let Some(event) = staying.next().now_or_never() {
        take(&*staying, event.expect("an event"), &mut owned).await;
    }
    assert_eq!(owned, BTreeSet::from([Partition(0), Partition(1)]), "the third partition is ignored");
    staying
}

async fn take(member: &dyn Membership, event: GroupEvent, owned: &mut BTreeSet<Partition>) {
    match event {
        GroupEvent::Assigned(partitions) => owned.extend(partitions),
        GroupEvent::Revoked(partitions) | GroupEvent::Lost(partitions) => {
            owned.retain(|partition| !partitions.contains(partition));
            member.release(&partitions).await.expect("the group goes on");
        }
    }
}
