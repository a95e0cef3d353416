//! The name of this program, and parsers for names of the core. Help, completions and error messages list the possible values.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use logistics_core::lifecycle::{ACTORS, STATUSES};
use logistics_core::port::Topic;
use logistics_core::{Actor, Status};

/// The name of this program.
pub(crate) const PROGRAM: &str = "logistics";

/// A status.
pub(crate) fn status() -> impl TypedValueParser<Value = Status> {
    let known = PossibleValuesParser::new(STATUSES.map(Status::name));
    known.try_map(|name| Status::from_name(&name.to_ascii_uppercase()).ok_or("unknown status"))
}

/// An actor.
pub(crate) fn actor() -> impl TypedValueParser<Value = Actor> {
    let known = PossibleValuesParser::new(ACTORS.map(Actor::name));
    known.try_map(|name| Actor::from_name(&name.to_ascii_lowercase()).ok_or("unknown actor"))
}

/// A topic.
pub(crate) fn topic() -> impl TypedValueParser<Value = Topic> {
    PossibleValuesParser::new(Topic::SHOWN.map(Topic::name)).try_map(topic_named)
}

/// One topic, or `all`.
pub(crate) fn topics() -> impl TypedValueParser<Value = Topics> {
    let names = Topic::SHOWN.map(Topic::name).into_iter().chain([ALL]);
    PossibleValuesParser::new(names.collect::<Vec<_>>()).try_map(|name| {
        if name == ALL {
            Ok(Topics(Topic::SHOWN.to_vec()))
        } else {
            topic_named(name).map(|one| Topics(vec![one]))
        }
    })
}

/// One topic, or all of them.
#[derive(Debug, Clone)]
pub(crate) struct Topics(pub(crate) Vec<Topic>);

const ALL: &str = "all";

fn topic_named(name: String) -> Result<Topic, &'static str> {
    Topic::SHOWN.into_iter().find(|topic| topic.name() == name).ok_or("unknown topic")
}
