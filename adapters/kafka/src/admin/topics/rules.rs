//! What a topic's settings must be. What would lose a record, make one unreadable or make a commit impossible is wrong and refuses
//! the start. What is only unwise is a line in the log.

use std::collections::BTreeMap;

use logistics_core::port::Topic;

use crate::limits::{BATCH_BYTES_MAX, KEPT_MS_MIN, TOPIC_MESSAGE_BYTES_MAX, TOPIC_MESSAGE_BYTES_MIN};

/// What topics are created with.
pub(super) const CREATED: [(&str, &str); 5] = [
    ("retention.ms", UNLIMITED),
    ("retention.bytes", UNLIMITED),
    ("cleanup.policy", "delete"),
    // Batches stay as their producers compressed them.
    ("compression.type", "producer"),
    // A record's time is when the log took it, whatever its producer's clock says.
    ("message.timestamp.type", "LogAppendTime"),
];

const UNLIMITED: &str = "-1";

/// A topic as the brokers describe it.
#[derive(Debug, Clone, Default)]
pub(super) struct Described {
    /// Each setting that has a value, the brokers' defaults included.
    pub(super) settings: BTreeMap<String, String>,
    /// Copies of the partition that has the fewest.
    pub(super) replicas: usize,
}

impl Described {
    fn text(&self, setting: &str) -> Option<&str> {
        self.settings.get(setting).map(String::as_str)
    }

    fn number(&self, setting: &str) -> Option<i64> {
        self.text(setting)?.parse().ok()
    }

    /// Bytes of the largest batch that a producer sends to it: 1 to [`BATCH_BYTES_MAX`].
    pub(super) fn batch_bytes(&self) -> u32 {
        let limits = ["max.message.bytes", "segment.bytes"].map(|setting| self.number(setting));
        let least = limits.into_iter().flatten().min().and_then(|least| u32::try_from(least.max(1)).ok());
        least.unwrap_or(BATCH_BYTES_MAX).min(BATCH_BYTES_MAX)
    }
}

/// One setting that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// The start is refused.
    pub(super) wrong: bool,
    /// What follows the topic's name in a sentence: the setting, its value, what comes of it and what mends it.
    pub(super) problem: String,
}

/// The findings about one topic, named `name` at `brokers`, those that are wrong first.
pub(super) fn findings(topic: Topic, name: &str, brokers: &str, found: &Described) -> Vec<Finding> {
    let rules = Rules { topic, name, brokers, found };
    let mut findings: Vec<Finding> = [
        rules.size("max.message.bytes", "1048588"),
        rules.batch(),
        rules.size("segment.bytes", "1073741824"),
        rules.cleanup(),
        rules.retention("retention.ms", KEPT_MS_MIN),
        rules.retention("retention.bytes", i64::MAX),
        rules.replicas(),
        rules.election(),
        rules.compression(),
        rules.time(),
    ]
    .into_iter()
    .flatten()
    .collect();
    findings.sort_by_key(|finding| !finding.wrong);
    findings
}

struct Rules<'a> {
    topic: Topic,
    name: &'a str,
    brokers: &'a str,
    found: &'a Described,
}

impl Rules<'_> {
    /// `wanted`: the value that mends it.
    fn finding(&self, wrong: bool, setting: &str, effect: &str, wanted: &str) -> Option<Finding> {
        let Self { name, brokers, found, .. } = self;
        let value = found.text(setting).unwrap_or_default();
        let problem = format!(
            "has {setting}={value}: {effect}; set it with `kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type \
             topics --entity-name {name} --add-config {setting}={wanted}`"
        );
        Some(Finding { wrong, problem })
    }

    /// `default`: the brokers' own.
    fn size(&self, setting: &str, default: &str) -> Option<Finding> {
        if self.found.number(setting)? >= i64::from(TOPIC_MESSAGE_BYTES_MIN) {
            return None;
        }
        let effect = format!(
            "the largest record needs {TOPIC_MESSAGE_BYTES_MIN}, so decisions could not be committed"
        );
        self.finding(true, setting, &effect, default)
    }

    fn batch(&self) -> Option<Finding> {
        let setting = "max.message.bytes";
        if self.found.number(setting)? <= i64::from(TOPIC_MESSAGE_BYTES_MAX) {
            return None;
        }
        let effect = format!("a batch of more than {TOPIC_MESSAGE_BYTES_MAX} bytes could not be read");
        self.finding(true, setting, &effect, "1048588")
    }

    fn cleanup(&self) -> Option<Finding> {
        let setting = "cleanup.policy";
        let compacts = self.found.text(setting)?.split(',').any(|policy| policy.trim() == "compact");
        let effect = match self.topic {
            Topic::Orders => "orders would be lost with their records",
            Topic::Notifications | Topic::DeadLetters => {
                "a record would replace earlier ones of the same order"
            }
        };
        if compacts { self.finding(true, setting, effect, "delete") } else { None }
    }

    /// Orders have to be kept for good. To keep less of another topic than `enough` is unwise.
    fn retention(&self, setting: &str, enough: i64) -> Option<Finding> {
        let kept = self.found.number(setting).filter(|kept| *kept >= 0)?;
        let effect = match self.topic {
            Topic::Orders => {
                return self.finding(true, setting, "orders would be lost with their records", UNLIMITED);
            }
            Topic::DeadLetters => "dead letters may be gone before they are read",
            Topic::Notifications => {
                "notifications are lost where the notification service is down for longer"
            }
        };
        if kept < enough { self.finding(false, setting, effect, UNLIMITED) } else { None }
    }

    fn replicas(&self) -> Option<Finding> {
        let setting = "min.insync.replicas";
        let (replicas, least) = (self.found.replicas, self.found.number(setting)?);
        if replicas == 0 {
            return None;
        }
        if least > i64::try_from(replicas).unwrap_or(i64::MAX) {
            let effect = format!("its partitions have {replicas} replicas, so every append would fail");
            return self.finding(true, setting, &effect, &replicas.to_string());
        }
        if least < 2 && replicas > 1 {
            let effect = format!(
                "of its {replicas} replicas one alone may acknowledge, and takes what it acknowledged with it when it is lost"
            );
            return self.finding(false, setting, &effect, "2");
        }
        None
    }

    fn election(&self) -> Option<Finding> {
        let setting = "unclean.leader.election.enable";
        if self.found.text(setting)? != "true" || self.found.replicas < 2 {
            return None;
        }
        let effect = "a replica that lags may become the leader, and acknowledged orders would be lost";
        self.finding(false, setting, effect, "false")
    }

    fn compression(&self) -> Option<Finding> {
        let setting = "compression.type";
        if self.found.text(setting)? == "producer" {
            return None;
        }
        self.finding(false, setting, "brokers compress every batch again", "producer")
    }

    fn time(&self) -> Option<Finding> {
        let setting = "message.timestamp.type";
        if self.topic != Topic::Orders || self.found.text(setting)? == "LogAppendTime" {
            return None;
        }
        let effect =
            "a record's time is what its producer's clock says, to which the owner's clock is compared";
        self.finding(false, setting, effect, "LogAppendTime")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `topics create` makes it, with the brokers' defaults.
    fn good(replicas: usize) -> Described {
        let defaults = [
            ("max.message.bytes", "1048588"),
            ("segment.bytes", "1073741824"),
            ("min.insync.replicas", if replicas > 1 { "2" } else { "1" }),
            ("unclean.leader.election.enable", "false"),
        ];
        let settings =
            CREATED.iter().chain(&defaults).map(|(name, value)| (name.to_string(), value.to_string()));
        Described { settings: settings.collect(), replicas }
    }

    fn with(setting: &str, value: &str) -> Described {
        let mut described = good(3);
        described.settings.insert(setting.to_owned(), value.to_owned());
        described
    }

    #[test]
    fn what_topics_are_created_with_is_right() {
        for topic in Topic::ALL {
            for replicas in [1, 3] {
                assert_eq!(findings(topic, topic.name(), "b:9092", &good(replicas)), []);
            }
        }
    }

    #[test]
    fn what_loses_records_or_stops_commits_is_wrong_and_what_is_unwise_is_not() {
        use Topic::{DeadLetters, Notifications, Orders};
        let (wrong, unwise, fine) = (Some(true), Some(false), None);
        let cases = [
            ("retention.ms", "604800000", [wrong, fine, fine]),
            ("retention.ms", "60000", [wrong, unwise, unwise]),
            ("retention.bytes", "1073741824", [wrong, unwise, unwise]),
            ("cleanup.policy", "compact", [wrong, wrong, wrong]),
            ("cleanup.policy", "delete,compact", [wrong, wrong, wrong]),
            ("max.message.bytes", "20000", [wrong, wrong, wrong]),
            ("max.message.bytes", "200000000", [wrong, wrong, wrong]),
            ("segment.bytes", "65536", [wrong, wrong, wrong]),
            ("min.insync.replicas", "4", [wrong, wrong, wrong]),
            ("min.insync.replicas", "1", [unwise, unwise, unwise]),
            ("unclean.leader.election.enable", "true", [unwise, unwise, unwise]),
            ("compression.type", "zstd", [unwise, unwise, unwise]),
            ("compression.type", "uncompressed", [unwise, unwise, unwise]),
            ("message.timestamp.type", "CreateTime", [unwise, fine, fine]),
        ];
        for (setting, value, expected) in cases {
            for (topic, expected) in [Orders, Notifications, DeadLetters].into_iter().zip(expected) {
                let found = findings(topic, topic.name(), "b:9092", &with(setting, value));
                let seen: Vec<bool> = found.iter().map(|finding| finding.wrong).collect();
                assert_eq!(seen, expected.into_iter().collect::<Vec<_>>(), "{setting}={value} of {topic:?}");
                for finding in found {
                    for part in [
                        format!("has {setting}={value}: "),
                        format!("--entity-name {} --add-config {setting}=", topic.name()),
                    ] {
                        assert!(finding.problem.contains(&part), "{part:?} is not in {}", finding.problem);
                    }
                }
            }
        }
    }

    #[test]
    fn one_copy_is_what_a_single_broker_has() {
        let mut described = good(1);
        described.settings.insert("unclean.leader.election.enable".to_owned(), "true".to_owned());
        assert_eq!(findings(Topic::Orders, "orders", "b:9092", &described), []);
        described.settings.insert("min.insync.replicas".to_owned(), "2".to_owned());
        let found = findings(Topic::Orders, "orders", "b:9092", &described);
        assert!(
            found[0].wrong && found[0].problem.contains("have 1 replicas, so every append would fail"),
            "{found:?}"
        );
    }

    #[test]
    fn a_producer_learns_how_large_a_batch_may_be() {
        assert_eq!(good(1).batch_bytes(), BATCH_BYTES_MAX);
        assert_eq!(with("max.message.bytes", "300000").batch_bytes(), 300_000);
        assert_eq!(with("segment.bytes", "280000").batch_bytes(), 280_000);
        assert_eq!(with("max.message.bytes", "-1").batch_bytes(), 1);
        assert_eq!(with("max.message.bytes", "9999999999").batch_bytes(), BATCH_BYTES_MAX);
        assert_eq!(Described::default().batch_bytes(), BATCH_BYTES_MAX);
    }
}
