//! Faults of processes, and of channels of notifications.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use logistics_cluster_tests::process::Process;
use logistics_cluster_tests::records::Records;
use logistics_cluster_tests::system::System;
use logistics_core::port::Topic;
use rustix::fs::OFlags;

use crate::partitions::OF_A_NEWER_RELEASE;
use crate::scene::Scene;

pub(crate) async fn every_processor_is_killed(system: System) {
    let mut scene = Scene::start(system, 2).await;
    let load = scene.load();
    for processor in &mut scene.services.processors {
        processor.kill().await;
    }
    let repair = async |scene: &mut Scene| {
        scene.services.processors = vec![scene.system.processor(), scene.system.processor()];
        scene.scrape(&[]);
    };
    scene.fires_and_clears("NoProcessor", repair).await;
    load.end().await;
}

pub(crate) async fn one_of_two_processors_is_suspended(system: System) {
    let mut scene = Scene::start(system, 2).await;
    let load = scene.load();
    scene.services.processors[0].suspend();
    scene.fires_and_clears("ServiceDown", async |scene| scene.services.processors[0].resume()).await;
    load.end().await;
}

pub(crate) async fn the_api_is_killed(system: System) {
    let mut scene = Scene::start(system, 1).await;
    let address = scene.services.api.address();
    scene.services.api.kill().await;
    let repair = async |scene: &mut Scene| scene.services.api = scene.system.api_at(address);
    scene.fires_and_clears("NoApi", repair).await;
}

pub(crate) async fn the_notification_service_is_killed(system: System) {
    let mut scene = Scene::start(system, 1).await;
    let load = scene.load();
    scene.services.notifications.kill().await;
    let repair = async |scene: &mut Scene| {
        scene.services.notifications = scene.system.notifications();
        scene.scrape(&[]);
    };
    scene.fires_and_clears("NoNotifier", repair).await;
    load.end().await;
}

/// One of two processors is killed and replaced, then each service is restarted: what every update does.
pub(crate) async fn a_takeover_and_a_restart_fire_nothing(system: System) {
    let mut scene = Scene::start(system, 2).await;
    let load = scene.load();
    scene.services.processors.remove(0).kill().await;
    scene.services.processors.push(scene.system.processor());
    scene.scrape(&[]);
    scene.monitor.stays_quiet(Duration::from_secs(60)).await;
    let address = scene.services.api.address();
    scene.services.api = scene.system.api_at_successor(address, &mut scene.services.api).await;
    let successor = scene.system.notifications();
    std::mem::replace(&mut scene.services.notifications, successor).stop().await;
    scene.scrape(&[]);
    scene.monitor.stays_quiet(Duration::from_secs(60)).await;
    load.end().await;
}

pub(crate) async fn two_processes_have_one_name(system: System) {
    let mut scene = Scene::start(system, 1).await;
    let name = [("LOGISTICS_INSTANCE", "twin")];
    let mut twins = [scene.system.start("order-api", &name), scene.system.start("order-api", &name)];
    for twin in &twins {
        twin.until_ready().await;
    }
    scene.scrape(&twins.each_ref().map(|twin| ("order-api", twin)));
    let repair = async |scene: &mut Scene| {
        twins[1].kill().await;
        scene.scrape(&[("order-api", &twins[0])]);
    };
    scene.fires_and_clears("DuplicateInstance", repair).await;
}

pub(crate) async fn a_topic_is_missing(system: System) {
    let mut scene = Scene::start(system, 1).await;
    let lost = scene.system.start("order-processor", &[("LOGISTICS_KAFKA_TOPIC_PREFIX", "missing.")]);
    lost.until_printed("has no topic missing.orders").await;
    scene.scrape(&[("order-processor", &lost)]);
    let repair = async |scene: &mut Scene| {
        drop(lost);
        scene.scrape(&[]);
    };
    scene.fires_and_clears("ServiceNotReady", repair).await;
}

/// The standard output of the service is a pipe that is not read, so its console hangs.
pub(crate) async fn a_channel_hangs(system: System) {
    let mut scene = Scene::start(system, 1).await;
    let folder = tempfile::tempdir().expect("a directory");
    let pipe = folder.path().join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    // Open in both directions: neither end waits for the other.
    let mut reader = File::options().read(true).write(true).open(&pipe).expect("a pipe");
    let output = Stdio::from(reader.try_clone().expect("the handle can be cloned"));
    let settings = scene.system.settings();
    let hanging = Process::start_into("notification-service", &settings, folder.path(), output);
    std::mem::replace(&mut scene.services.notifications, hanging).stop().await;
    scene.services.notifications.until_ready().await;
    scene.scrape(&[]);
    fill(&pipe);
    let load = scene.load();
    let repair = async |_: &mut Scene| {
        std::thread::spawn(move || {
            let mut part = [0; 65536];
            while reader.read(&mut part).is_ok_and(|length| length > 0) {}
        });
    };
    scene.fires_and_clears("NotifierBehind", repair).await;
    load.end().await;
}

/// Writes until the pipe takes nothing more.
fn fill(pipe: &Path) {
    let nonblocking = i32::try_from(OFlags::NONBLOCK.bits()).expect("a flag");
    let mut writer = File::options().write(true).custom_flags(nonblocking).open(pipe).expect("a pipe");
    for part in [&[b'\n'; 4096][..], b"\n"] {
        while writer.write(part).is_ok_and(|bytes| bytes > 0) {}
    }
}

/// The record stays in the log, so the alert does not clear.
pub(crate) async fn a_channel_meets_a_newer_release(system: System) {
    let mut scene = Scene::start(system, 1).await;
    let topic = scene.system.topic(Topic::Notifications);
    let records = Records::to(&scene.system.kafka().address(), topic);
    records.write(Some(0), Some("key"), OF_A_NEWER_RELEASE).await;
    scene.monitor.fires("NotifierHalted").await;
}
