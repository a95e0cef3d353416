//! Reactions as JSON: the reply of a webhook endpoint.

use serde::Deserialize;

use super::reaction::Reaction;
use crate::ids::{PartyId, Reason, Version};
use crate::lifecycle::Status;
use crate::limits::{REACTIONS_MAX, REPLY_BYTES_MAX};

/// A reply is not a list of requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidReply {
    /// It is too long.
    #[error("the reply has {0} bytes; the limit is {REPLY_BYTES_MAX}")]
    TooLong(usize),
    /// It is not the JSON of requests.
    #[error("the reply is not a JSON object with requests: {0}")]
    Malformed(String),
    /// It has too many requests.
    #[error("the reply has {0} requests; the limit is {REACTIONS_MAX}")]
    TooMany(usize),
}

#[derive(Deserialize)]
struct Reply {
    requests: Vec<Item>,
}

/// Unknown fields are errors: a request without its condition would be another one.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Item {
    Transition {
        status: Status,
        #[serde(default)]
        expected_version: Option<Version>,
        #[serde(default)]
        reason: Option<Reason>,
    },
    Cancel {
        #[serde(default)]
        expected_version: Option<Version>,
        #[serde(default)]
        reason: Option<Reason>,
    },
    Assign {
        /// Null clears the courier, so the field must be present.
        #[serde(deserialize_with = "Option::deserialize")]
        courier_id: Option<PartyId>,
        #[serde(default)]
        expected_version: Option<Version>,
        #[serde(default)]
        reason: Option<Reason>,
    },
}

/// Reads the body of a reply: `{"requests":[{"type":"transition","status":"CONFIRMED"}]}`. The types are `transition` with
/// `status`, `cancel`, and `assign` with `courier_id`, which may be null. Each may have `expected_version` and `reason`. An empty
/// body has no requests.
///
/// # Errors
/// [`InvalidReply`] for any other body.
pub fn parse_reply(body: &[u8]) -> Result<Vec<Reaction>, InvalidReply> {
    if body.len() > REPLY_BYTES_MAX {
        return Err(InvalidReply::TooLong(body.len()));
    }
    if body.is_empty() {
        return Ok(Vec::new());
    }
    let reply: Reply =
        serde_json::from_slice(body).map_err(|error| InvalidReply::Malformed(error.to_string()))?;
    if reply.requests.len() > REACTIONS_MAX {
        return Err(InvalidReply::TooMany(reply.requests.len()));
    }
    Ok(reply.requests.into_iter().map(Item::into_reaction).collect())
}

impl Item {
    fn into_reaction(self) -> Reaction {
        let (mut reaction, expected_version, reason) = match self {
            Item::Transition { status, expected_version, reason } => {
                (Reaction::transition(status), expected_version, reason)
            }
            Item::Cancel { expected_version, reason } => (Reaction::cancel(), expected_version, reason),
            Item::Assign { courier_id, expected_version, reason } => {
                let reaction = courier_id.map_or_else(Reaction::unassign, Reaction::assign);
                (reaction, expected_version, reason)
            }
        };
        (reaction.expected_version, reaction.reason) = (expected_version, reason);
        reaction
    }
}
