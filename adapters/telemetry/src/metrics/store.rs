//! The store, and the dependencies of a process.

use super::catalogue::{Family, Label, Subject};
use super::page::Page;
use super::readings::{Readings, unix_seconds};

const STORE: Label = Label::new("store", "`redis` or `embedded`");

const POLICY: Label = Label::new("policy", "the setting `maxmemory-policy` of Redis, such as `noeviction`");

const DEPENDENCY: Label = Label::new("dependency", "`log` or `store`");

const USED: Family = Family::gauge(
    "logistics_store_used_bytes",
    "bytes",
    &[STORE],
    "Memory that Redis uses, or the size of the data file.",
);

const LIMIT: Family = Family::gauge(
    "logistics_store_limit_bytes",
    "bytes",
    &[STORE],
    "The limit of the used bytes. Absent if there is none.",
);

const EVICTION_POLICY: Family = Family::gauge(
    "logistics_store_eviction_policy",
    "1",
    &[STORE, POLICY],
    "Always 1. Any policy but noeviction loses documents of orders.",
);

const EVICTED: Family = Family::counter(
    "logistics_store_evicted_keys_total",
    "keys",
    &[STORE],
    "Keys that Redis has evicted since its own start.",
);

const UP: Family = Family::gauge(
    "logistics_dependency_up",
    "1",
    &[DEPENDENCY],
    "1 if the dependency answers, 0 if it does not.",
);

const DOWN_SINCE: Family = Family::gauge(
    "logistics_dependency_down_since_timestamp_seconds",
    "seconds",
    &[DEPENDENCY],
    "The start of the outage, as seconds since the Unix epoch. Absent while the dependency answers.",
);

pub(super) const SUBJECT: Subject = Subject {
    title: "Store and dependencies",
    text: "The dependencies are of every process that monitors them, the store of those that read its state.",
    families: &[USED, LIMIT, EVICTION_POLICY, EVICTED, UP, DOWN_SINCE],
};

pub(super) fn expose(readings: &Readings, page: &mut Page) {
    let mut series = page.family(&USED);
    for (name, used) in readings.stores.iter().filter_map(|(name, store)| Some((name, store.used_bytes?))) {
        series.count(&[name], used);
    }
    let mut series = page.family(&LIMIT);
    for (name, limit) in readings.stores.iter().filter_map(|(name, store)| Some((name, store.limit_bytes?))) {
        series.count(&[name], limit);
    }
    let mut series = page.family(&EVICTION_POLICY);
    for (name, store) in &readings.stores {
        if let Some(policy) = &store.eviction_policy {
            series.count(&[name, policy], 1);
        }
    }
    let mut series = page.family(&EVICTED);
    for (name, keys) in readings.stores.iter().filter_map(|(name, store)| Some((name, store.evicted_keys?))) {
        series.count(&[name], keys);
    }
    let mut series = page.family(&UP);
    for (name, dependency) in &readings.dependencies {
        series.count(&[name], u64::from(dependency.down_since.is_none()));
    }
    let mut series = page.family(&DOWN_SINCE);
    for (name, dependency) in &readings.dependencies {
        if let Some(since) = dependency.down_since {
            series.value(&[name], unix_seconds(since));
        }
    }
}
