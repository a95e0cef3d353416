//! Admission of placements by the backlog of their partition.

use std::time::Duration;

use logistics_core::port::Topic;
use logistics_core::{Partition, Status};
use logistics_service::{Place, Placed, ServiceError, Transition};
use logistics_testkit::Faults;

use crate::fixture::{CALLER, Fixture, PARTITIONS};

/// The paused clock advances so far between two placements.
const PAUSE: Duration = Duration::from_millis(10);

fn fixture(lag_max: Option<u64>) -> Fixture {
    Fixture::with(|options| options.admission_lag_max = lag_max)
}

fn fall_behind(fixture: &Fixture, records: usize) {
    for partition in 0..PARTITIONS {
        (0..records).for_each(|_| {
            fixture.put(Topic::Orders, Partition(partition));
        });
    }
}

/// The last of several placements: their measurements cover every partition.
async fn placed(fixture: &Fixture) -> Result<Placed, ServiceError> {
    for _ in 0..400 {
        _ = fixture.service.place(&CALLER, Place::default()).await;
        tokio::time::sleep(PAUSE).await;
    }
    fixture.service.place(&CALLER, Place::default()).await
}

#[tokio::test(start_paused = true)]
async fn placements_are_refused_while_the_processors_are_behind() {
    let fixture = fixture(Some(1000));
    let order = fixture.placed().await;
    assert!(placed(&fixture).await.is_ok(), "a small backlog");
    fall_behind(&fixture, 1001);
    assert_eq!(placed(&fixture).await, Err(ServiceError::Behind));
    let appended = fixture.requests().len();
    assert_eq!(fixture.service.place(&CALLER, Place::default()).await, Err(ServiceError::Behind));
    assert_eq!(fixture.requests().len(), appended, "nothing is appended");
    let mut confirm = Transition::to(order.clone(), Status::Confirmed);
    confirm.wait = Some(Duration::ZERO);
    assert!(fixture.service.transition(&CALLER, confirm).await.is_ok(), "transitions go on");
    assert!(fixture.service.find(&CALLER, &order).await.is_ok(), "reads go on");
    fixture.decide();
    assert!(placed(&fixture).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_old_measurement_refuses_nothing() {
    let fixture = fixture(Some(10));
    fall_behind(&fixture, 11);
    assert_eq!(placed(&fixture).await, Err(ServiceError::Behind));
    tokio::time::advance(Duration::from_secs(3)).await;
    assert!(fixture.service.place(&CALLER, Place::default()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn without_a_store_placements_are_admitted() {
    let fixture = fixture(Some(10));
    fall_behind(&fixture, 11);
    fixture.store.set_faults(Faults { unavailable_before: 1000, ..Faults::none() });
    assert!(placed(&fixture).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn without_a_maximum_nothing_is_measured() {
    let fixture = fixture(None);
    fall_behind(&fixture, 1000);
    assert!(placed(&fixture).await.is_ok());
}
