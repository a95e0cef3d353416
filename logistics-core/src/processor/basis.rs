//! What a checkpoint was made from: the log, and how far it was judged.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::ids::Offset;
use crate::port::LogIdentity;

/// The basis of a checkpoint, as the store keeps it beside the checkpoint's offset: JSON, whose unknown fields are ignored.
///
/// A checkpoint is continued only on the log that it was made from. The log's identity tells a log that was created anew;
/// the witness tells a log that lost records and has grown past the checkpoint since.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Basis {
    /// The log.
    pub(super) log: LogIdentity,
    /// Every input before it is answered by a record before the checkpoint's offset.
    pub(super) unanswered: Offset,
    /// Records from there to the checkpoint's offset that claim to be an owner's and are none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) foreign: BTreeSet<Offset>,
    /// The last record of an owner before the checkpoint's offset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) witness: Option<Witness>,
    /// A signed record of an owner lies before the checkpoint's offset: an unsigned one behind it is foreign.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) signed: bool,
    /// What the store held of another log is being removed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) clearing: bool,
    /// The orders that are in the lists of their parties. A release without these lists writes nothing here, so a store that
    /// such a release has written since is indexed again.
    #[serde(default)]
    pub(super) indexed: Indexed,
}

/// The orders that are in the lists of their parties.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Indexed {
    /// Unknown.
    #[default]
    None,
    /// Those whose latest fact lies before the checkpoint's offset: a replay is writing every document again.
    Before,
    /// All.
    All,
}

impl Basis {
    pub(super) fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    pub(super) fn encode(&self) -> Bytes {
        // Numbers and texts: nothing in it fails to serialize.
        Bytes::from(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// One record of the log, by its place and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Witness {
    pub(super) offset: Offset,
    /// The first 16 bytes of the payload's SHA-256, in hexadecimal.
    pub(super) digest: String,
}

impl Witness {
    pub(super) fn of(offset: Offset, payload: &[u8]) -> Self {
        let digest = Sha256::digest(payload);
        let digest = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { offset, digest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basis_comes_back_and_unknown_fields_are_ignored() {
        let basis = Basis {
            log: LogIdentity::new("c/t"),
            unanswered: Offset(7),
            foreign: BTreeSet::from([Offset(8)]),
            witness: Some(Witness::of(Offset(6), b"{}")),
            signed: true,
            clearing: false,
            indexed: Indexed::Before,
        };
        assert_eq!(Basis::parse(&basis.encode()), Some(basis));
        let sparse = Basis::parse(br#"{"log":"c","unanswered":3,"later":[1]}"#).expect("a basis");
        assert_eq!((sparse.unanswered, sparse.witness, sparse.indexed), (Offset(3), None, Indexed::None));
        assert_eq!(Basis::parse(b""), None);
    }
}
