//! What a real cluster makes of the manifests in `deploy/k8s`.
//!
//! `LOGISTICS_TEST_KUBECONFIG` names the file that leads to it; the cluster that `kubectl` is set to is never touched. Its nodes
//! hold the image of the services, `logistics:dev` or what `SERVICES_IMAGE` names, and answer at their internal addresses; its
//! port 30007 is free. Without the variable the tests are ignored; with `REQUIRE_KUBERNETES=1` they fail.

#![allow(clippy::print_stdout, reason = "times and figures, for whoever looks")]

mod cluster;
mod system;
mod walk;

use std::process::ExitCode;

use logistics_deployment_tests::{Suite, required};
use system::Shared;

/// In the moment in which a single broker (4.3.1) goes in order, its partitions have no leader, and the ends of transactions that
/// are being committed are lost: about every second time.
const BROKER_LOSES_ENDS: &str = "a single broker loses the ends of transactions when it goes";

fn main() -> ExitCode {
    let there = std::env::var_os("LOGISTICS_TEST_KUBECONFIG").is_some();
    let mut suite = Suite::new(!required("REQUIRE_KUBERNETES") && !there);
    let shared = Shared::default();
    macro_rules! tests {
        ($($test:ident),+ $(,)?) => {
            $(
                let these = shared.clone();
                suite = suite.test(stringify!($test), move || walk::$test(&these.system()));
            )+
        };
    }
    tests!(
        the_server_takes_every_manifest,
        an_order_goes_its_way_and_every_service_says_so,
        processors_are_scaled_under_load,
        everything_is_rolled_under_load,
        pods_are_deleted_one_by_one_under_load,
        redis_is_deleted_under_load,
        a_lost_broker_makes_pods_unready_and_starts_none_again,
        a_partition_count_that_does_not_fit_is_a_sentence_at_the_pod,
        applying_again_changes_nothing,
    );
    let these = shared.clone();
    suite = suite.test_on_demand("kafka_is_deleted_under_load", BROKER_LOSES_ENDS, move || {
        walk::kafka_is_deleted_under_load(&these.system());
    });
    // The last test takes it down.
    drop(shared);
    suite.run()
}
