//! The types of events, and the filter of an endpoint.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::lifecycle::{STATUSES, Status};
use crate::notify::Notification;
use crate::wire;

/// The type of an event about an order. The catalogue is derived from the lifecycle table: one type for each status, and those of
/// the facts that keep the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EventType {
    /// The order entered the status.
    Entered(Status),
    /// The order is late in its status.
    Late,
    /// The order has another courier.
    CourierAssigned,
    /// The order has no courier any more.
    CourierUnassigned,
}

impl EventType {
    /// Every type.
    pub fn all() -> impl Iterator<Item = EventType> {
        let kept = [EventType::Late, EventType::CourierAssigned, EventType::CourierUnassigned];
        STATUSES.into_iter().map(EventType::Entered).chain(kept)
    }

    /// The `CloudEvents` type, for example `logistics.order.delivered`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EventType::Entered(status) => wire::fact_type(status),
            EventType::Late => wire::LATE,
            EventType::CourierAssigned => wire::ASSIGNED,
            EventType::CourierUnassigned => wire::UNASSIGNED,
        }
    }

    /// The type with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<EventType> {
        EventType::all().find(|kind| kind.name() == name)
    }

    /// The type of a notification.
    #[must_use]
    pub fn of(notification: &Notification) -> EventType {
        match &notification.assignment {
            Some(assignment) if assignment.courier_id.is_some() => EventType::CourierAssigned,
            Some(_) => EventType::CourierUnassigned,
            None if notification.late => EventType::Late,
            None => EventType::Entered(notification.status),
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The events that an endpoint receives. In JSON: null for all, else the list of the types' names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum EventFilter {
    /// Every event, also of types that a later release adds.
    #[default]
    All,
    /// These types only. The empty set receives nothing: reading a list leaves out the types that this build does not know.
    Only(BTreeSet<EventType>),
}

impl EventFilter {
    /// Whether the endpoint receives events of this type.
    #[must_use]
    pub fn matches(&self, kind: EventType) -> bool {
        match self {
            EventFilter::All => true,
            EventFilter::Only(kinds) => kinds.contains(&kind),
        }
    }
}

impl Serialize for EventFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            EventFilter::All => serializer.serialize_none(),
            EventFilter::Only(kinds) => serializer.collect_seq(kinds.iter().map(|kind| kind.name())),
        }
    }
}

impl<'de> Deserialize<'de> for EventFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Option::<Vec<String>>::deserialize(deserializer)?;
        let known = |names: Vec<String>| names.iter().filter_map(|name| EventType::from_name(name)).collect();
        Ok(names.map_or(EventFilter::All, |names| EventFilter::Only(known(names))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fact::Assignment;
    use crate::ids::{OrderId, Timestamp, Version};

    #[test]
    fn every_type_has_a_name_of_its_own_that_leads_back() {
        let names: BTreeSet<&str> = EventType::all().map(EventType::name).collect();
        assert_eq!(names.len(), STATUSES.len() + 3);
        for kind in EventType::all() {
            assert_eq!(EventType::from_name(kind.name()), Some(kind));
        }
        assert_eq!(EventType::from_name("logistics.order.notification"), None);
    }

    #[test]
    fn a_notification_has_the_type_of_its_fact() {
        let order = OrderId::parse("o1").unwrap();
        let mut notification =
            Notification::new(order, Version(2), Status::Preparing, Timestamp::from_millis(0));
        assert_eq!(EventType::of(&notification), EventType::Entered(Status::Preparing));
        notification.late = true;
        assert_eq!(EventType::of(&notification), EventType::Late);
        notification.late = false;
        notification.assignment = Some(Assignment::new(Some("c-1".parse().unwrap()), None));
        assert_eq!(EventType::of(&notification), EventType::CourierAssigned);
        notification.assignment = Some(Assignment::new(None, Some("c-1".parse().unwrap())));
        assert_eq!(EventType::of(&notification), EventType::CourierUnassigned);
    }

    #[test]
    fn an_unknown_type_of_a_newer_release_widens_no_filter() {
        let read = |json: &str| serde_json::from_str::<EventFilter>(json).unwrap();
        assert_eq!(read("null"), EventFilter::All);
        let newer = read(r#"["logistics.order.shredded"]"#);
        assert!(EventType::all().all(|kind| !newer.matches(kind)));
        let late = read(r#"["logistics.order.late","logistics.order.shredded"]"#);
        assert!(late.matches(EventType::Late) && !late.matches(EventType::CourierAssigned));
        assert_eq!(serde_json::to_string(&late).unwrap(), r#"["logistics.order.late"]"#);
    }
}
