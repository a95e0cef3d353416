//! What a real cluster makes of the manifests in `deploy/k8s`.
//!
//! `LOGISTICS_TEST_KUBECONFIG` names the file that leads to it; the cluster that `kubectl` is set to is never touched. Its nodes
//! hold the image of the services, `logistics:dev` or what `SERVICES_IMAGE` names, and answer at their internal addresses; its
//! port 30007 is free. Without the variable the tests are ignored; with `REQUIRE_KUBERNETES=1` they fail.

#![allow(clippy::print_stdout, reason = "prints times and figures")]

mod cluster;
mod system;
mod walk;

use std::process::ExitCode;

use logistics_deployment_tests::{Suite, required};
use system::Shared;

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
        kafka_is_deleted_under_load,
        a_lost_broker_makes_pods_unready_and_starts_none_again,
        a_partition_count_that_does_not_fit_is_a_sentence_at_the_pod,
        applying_again_changes_nothing,
    );
    // The last test takes it down.
    drop(shared);
    suite.run()
}
