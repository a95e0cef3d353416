//! The rules for a topic's settings. A setting that loses a record, makes one unreadable or makes a commit impossible is rejected. An
//! unwise setting is logged.

use std::collections::BTreeMap;

use logistics_core::port::Topic;

use crate::limits::{BATCH_BYTES_MAX, KEPT_MS_MIN, TOPIC_MESSAGE_BYTES_MAX, TOPIC_MESSAGE_BYTES_MIN};

/// The settings of a created topic.
pub(super) const CREATED: [(&str, &str); 5] = [
    ("retention.ms", UNLIMITED),
    ("retention.bytes", UNLIMITED),
    ("cleanup.policy", "delete"),
    // Batches stay as their producers compressed them.
    ("compression.type", "producer"),
    // A record's time is the time at which the log stored it, independent of its producer's clock.
    ("message.timestamp.type", "LogAppendTime"),
];

const UNLIMITED: &str = "-1";

/// A topic as the brokers describe it.
#[derive(Debug, Clone, Default)]
pub(super) struct Described {
    /// Each setting that has a value, the brokers' defaults included.
    pub(super) settings: BTreeMap<String, String>,
    /// The smallest number of replicas of a partition.
    pub(super) replicas: usize,
}

impl Described {
    fn text(&self, setting: &str) -> Option<&str> {
        self.settings.get(setting).map(String::as_str)
    }

    fn number(&self, setting: &str) -> Option<i64> {
        self.text(setting)?.parse().ok()
    }

    /// Bytes of the largest batch that a producer may send: 1 to [`BATCH_BYTES_MAX`].
    pub(super) fn batch_bytes(&self) -> u32 {
        let limits = ["max.message.bytes", "segment.bytes"].map(|setting| self.number(setting));
        let least = limits.into_iter().flatten().min().and_then(|least| u32::try_from(least.max(1)).ok());
        least.unwrap_or(BATCH_BYTES_MAX).min(BATCH_BYTES_MAX)
    }
}

/// A wrong or unwise setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    /// Wrong, so the check fails; otherwise unwise.
    pub(super) wrong: bool,
    /// The rest of a sentence that begins with the topic: the setting, its value, the effect and the correction.
    pub(super) problem: String,
}

/// The findings about one topic, named `name` at `brokers`; wrong settings first.
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
    /// `wanted` is the correct value.
    fn finding(&self, wrong: bool, setting: &str, effect: &str, wanted: &str) -> Option<Finding> {
        let Self { name, brokers, found, .. } = self;
        let value = found.text(setting).unwrap_or_default();
        let problem = format!(
            "has {setting}={value}: {effect}; correct it with `kafka-configs.sh --bootstrap-server {brokers} --alter --entity-type \
             topics --entity-name {name} --add-config {setting}={wanted}`"
        );
        Some(Finding { wrong, problem })
    }

    /// `default` is the brokers' default.
    fn size(&self, setting: &str, default: &str) -> Option<Finding> {
        if self.found.number(setting)? >= i64::from(TOPIC_MESSAGE_BYTES_MIN) {
            return None;
        }
        let effect =
            format!("the largest record needs {TOPIC_MESSAGE_BYTES_MIN}, so commits of decisions would fail");
        self.finding(true, setting, &effect, default)
    }

    fn batch(&self) -> Option<Finding> {
        let setting = "max.message.bytes";
        if self.found.number(setting)? <= i64::from(TOPIC_MESSAGE_BYTES_MAX) {
            return None;
        }
        let effect = format!("readers cannot read a batch of more than {TOPIC_MESSAGE_BYTES_MAX} bytes");
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
            Topic::Endpoints => "a fact would replace earlier ones of the same endpoint",
            Topic::Deliveries => "a waiting delivery would replace earlier ones of the same order",
        };
        if compacts { self.finding(true, setting, effect, "delete") } else { None }
    }

    /// `orders` and the endpoints need unlimited retention. For another topic, less than `enough` is unwise.
    fn retention(&self, setting: &str, enough: i64) -> Option<Finding> {
        let kept = self.found.number(setting).filter(|kept| *kept >= 0)?;
        let effect = match self.topic {
            Topic::Orders => {
                return self.finding(true, setting, "orders would be lost with their records", UNLIMITED);
            }
            Topic::Endpoints => {
                return self.finding(
                    true,
                    setting,
                    "webhook endpoints would be lost with their facts",
                    UNLIMITED,
                );
            }
            Topic::Deliveries => "deliveries that wait for their endpoint for longer are lost",
            Topic::DeadLetters => "dead letters may be deleted before they are read",
            Topic::Notifications => "notifications are lost if the notification service is down for longer",
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
                "a single one of its {replicas} replicas may acknowledge a record, which is lost if that replica fails"
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
        let effect = "a lagging replica may become the leader, which loses acknowledged orders";
        self.finding(false, setting, effect, "false")
    }

    fn compression(&self) -> Option<Finding> {
        let setting = "compression.type";
        if self.found.text(setting)? == "producer" {
            return None;
        }
        self.finding(false, setting, "the brokers recompress every batch", "producer")
    }

    fn time(&self) -> Option<Finding> {
        let setting = "message.timestamp.type";
        if self.topic != Topic::Orders || self.found.text(setting)? == "LogAppendTime" {
            return None;
        }
        let effect =
            "a record has the time of its producer's clock, with which the owner compares its own clock";
        self.finding(false, setting, effect, "LogAppendTime")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A topic of `topics create` with the brokers' defaults.
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
    fn created_topics_have_no_findings() {
        for topic in Topic::ALL {
            for replicas in [1, 3] {
                assert_eq!(findings(topic, topic.name(), "b:9092", &good(replicas)), []);
            }
        }
    }

    #[test]
    fn settings_that_lose_records_or_prevent_commits_are_wrong_and_others_unwise() {
        use Topic::{DeadLetters, Deliveries, Endpoints, Notifications, Orders};
        let (wrong, unwise, fine) = (Some(true), Some(false), None);
        let cases = [
            ("retention.ms", "604800000", [wrong, fine, fine, wrong, fine]),
            ("retention.ms", "60000", [wrong, unwise, unwise, wrong, unwise]),
            ("retention.bytes", "1073741824", [wrong, unwise, unwise, wrong, unwise]),
            ("cleanup.policy", "compact", [wrong, wrong, wrong, wrong, wrong]),
            ("cleanup.policy", "delete,compact", [wrong, wrong, wrong, wrong, wrong]),
            ("max.message.bytes", "20000", [wrong, wrong, wrong, wrong, wrong]),
            ("max.message.bytes", "200000000", [wrong, wrong, wrong, wrong, wrong]),
            ("segment.bytes", "65536", [wrong, wrong, wrong, wrong, wrong]),
            ("min.insync.replicas", "4", [wrong, wrong, wrong, wrong, wrong]),
            ("min.insync.replicas", "1", [unwise, unwise, unwise, unwise, unwise]),
            ("unclean.leader.election.enable", "true", [unwise, unwise, unwise, unwise, unwise]),
            ("compression.type", "zstd", [unwise, unwise, unwise, unwise, unwise]),
            ("compression.type", "uncompressed", [unwise, unwise, unwise, unwise, unwise]),
            ("message.timestamp.type", "CreateTime", [unwise, fine, fine, fine, fine]),
        ];
        for (setting, value, expected) in cases {
            let topics = [Orders, Notifications, DeadLetters, Endpoints, Deliveries];
            for (topic, expected) in topics.into_iter().zip(expected) {
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
    fn one_replica_on_a_single_broker_is_fine() {
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
    fn the_smallest_limit_decides_the_bytes_of_a_batch() {
        assert_eq!(good(1).batch_bytes(), BATCH_BYTES_MAX);
        assert_eq!(with("max.message.bytes", "300000").batch_bytes(), 300_000);
        assert_eq!(with("segment.bytes", "280000").batch_bytes(), 280_000);
        assert_eq!(with("max.message.bytes", "-1").batch_bytes(), 1);
        assert_eq!(with("max.message.bytes", "9999999999").batch_bytes(), BATCH_BYTES_MAX);
        assert_eq!(Described::default().batch_bytes(), BATCH_BYTES_MAX);
    }
}
