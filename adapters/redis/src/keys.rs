//! The names of the keys.

use logistics_core::lifecycle::Status;
use logistics_core::port::{PartyFilter, PartyRole};
use logistics_core::{OrderId, Partition, PartyId, RequestId};

/// Names keys.
///
/// | on one server | in a cluster |
/// | --- | --- |
/// | `order:<id>` | `order:{p<p>}:<id>` |
/// | `outcome:<request>` | `outcome:{p<p>}:<request>` |
/// | `timers:<p>` | `timers:{p<p>}` |
/// | `status:<p>:<STATUS>` | `status:{p<p>}:<STATUS>` |
/// | `party:<p>:<role>:<id>` | `party:{p<p>}:<role>:<id>` |
/// | `late:<p>` | `late:{p<p>}` |
/// | `missing:<p>` | `missing:{p<p>}` |
/// | `system` | `system` |
/// | `limit:<class>:<caller>` | `limit:<class>:<caller>` |
/// | `checkpoint:<p>` | `checkpoint:{p<p>}` |
///
/// Each key begins with the configured prefix. In a cluster, the part in braces determines the slot, so that one script can access all
/// keys of a partition. The first pair of braces counts, so those of a party's id or of a request do no harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    /// The prefix of every key, on one server.
    Plain(&'static str),
    /// The prefix of every key, in a cluster.
    Tagged(&'static str),
}

/// A list with one sorted set per partition: order id, time of the latest change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum List<'a> {
    /// The orders in a status.
    Status(Status),
    /// The orders of a party.
    Party(&'a PartyFilter),
}

impl List<'_> {
    pub(crate) fn key(self, keys: Keys, partition: Partition) -> String {
        match self {
            List::Status(status) => keys.status(partition, status),
            List::Party(PartyFilter { role, id }) => keys.party(partition, *role, id),
        }
    }
}

impl Keys {
    pub(crate) fn order(self, partition: Partition, order_id: &OrderId) -> String {
        self.item("order", partition, order_id.as_str())
    }

    pub(crate) fn outcome(self, partition: Partition, request: &RequestId) -> String {
        self.item("outcome", partition, request.as_str())
    }

    pub(crate) fn timers(self, partition: Partition) -> String {
        self.of_partition("timers", partition)
    }

    /// Late orders, by the time at which they became late.
    pub(crate) fn late(self, partition: Partition) -> String {
        self.of_partition("late", partition)
    }

    /// Orders whose documents a reader found missing.
    pub(crate) fn missing(self, partition: Partition) -> String {
        self.of_partition("missing", partition)
    }

    pub(crate) fn checkpoint(self, partition: Partition) -> String {
        self.of_partition("checkpoint", partition)
    }

    pub(crate) fn status(self, partition: Partition, status: Status) -> String {
        format!("{}:{status}", self.of_partition("status", partition))
    }

    /// The orders of a party.
    pub(crate) fn party(self, partition: Partition, role: PartyRole, id: &PartyId) -> String {
        format!("{}{}:{id}", self.parties(partition), role.name())
    }

    /// The prefix of the keys of [`Keys::party`].
    pub(crate) fn parties(self, partition: Partition) -> String {
        format!("{}:", self.of_partition("party", partition))
    }

    /// The system that uses the database.
    pub(crate) fn system(self) -> String {
        let (Keys::Plain(prefix) | Keys::Tagged(prefix)) = self;
        format!("{prefix}system")
    }

    /// A quota that several processes share.
    pub(crate) fn quota(self, name: &str) -> String {
        let (Keys::Plain(prefix) | Keys::Tagged(prefix)) = self;
        format!("{prefix}limit:{name}")
    }

    /// The key prefix of the documents of this partition; on one server, of all partitions.
    pub(crate) fn orders(self, partition: Partition) -> String {
        self.item("order", partition, "")
    }

    /// The pattern of a scan for the documents and the lists of parties of this partition. It also matches some other keys.
    pub(crate) fn scanned(self, partition: Partition) -> String {
        match self {
            Keys::Plain(prefix) => format!("{prefix}[op]*"),
            Keys::Tagged(prefix) => format!("{prefix}[op]*:{{p{partition}}}:*"),
        }
    }

    fn item(self, what: &str, partition: Partition, name: &str) -> String {
        match self {
            Keys::Plain(prefix) => format!("{prefix}{what}:{name}"),
            Keys::Tagged(prefix) => format!("{prefix}{what}:{{p{partition}}}:{name}"),
        }
    }

    fn of_partition(self, what: &str, partition: Partition) -> String {
        match self {
            Keys::Plain(prefix) => format!("{prefix}{what}:{partition}"),
            Keys::Tagged(prefix) => format!("{prefix}{what}:{{p{partition}}}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(keys: Keys) -> [String; 6] {
        let order_id = OrderId::parse("o-1").expect("an order id");
        let request = RequestId::parse("{p7} r").expect("a request id");
        let party = PartyId::parse("{p7} ż:").expect("a party id");
        let partition = Partition(3);
        [
            keys.order(partition, &order_id),
            keys.outcome(partition, &request),
            keys.timers(partition),
            keys.status(partition, Status::ReadyForPickup),
            keys.checkpoint(partition),
            keys.party(partition, PartyRole::Courier, &party),
        ]
    }

    #[test]
    fn every_key_has_the_prefix_and_keeps_its_tag() {
        for name in names(Keys::Plain("eu:")) {
            assert!(name.starts_with("eu:"), "{name}");
        }
        assert_eq!(Keys::Tagged("eu:").timers(Partition(3)), "eu:timers:{p3}");
        assert_eq!(Keys::Plain("eu:").system(), "eu:system");
    }

    #[test]
    fn keys_are_those_of_the_documentation() {
        assert_eq!(
            names(Keys::Plain("")),
            [
                "order:o-1",
                "outcome:{p7} r",
                "timers:3",
                "status:3:READY_FOR_PICKUP",
                "checkpoint:3",
                "party:3:courier:{p7} ż:"
            ]
        );
        assert_eq!(
            names(Keys::Tagged("")),
            [
                "order:{p3}:o-1",
                "outcome:{p3}:{p7} r",
                "timers:{p3}",
                "status:{p3}:READY_FOR_PICKUP",
                "checkpoint:{p3}",
                "party:{p3}:courier:{p7} ż:"
            ]
        );
    }
}
