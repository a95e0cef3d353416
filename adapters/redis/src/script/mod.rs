//! Lua scripts, which Redis runs atomically.

use std::sync::LazyLock;

use deadpool_redis::redis::{self, Cmd, ToRedisArgs};

/// Compares the token and writes. `write/packed.rs` packs its arguments.
pub(crate) static WRITE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("write.lua")));
/// A range of a list's index.
pub(crate) static INDEX: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("index.lua")));
/// The documents of a range of a list.
pub(crate) static DOCUMENTS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("documents.lua")));
/// The number of entries and the lowest score of the lists of a partition.
pub(crate) static SUMMARY: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("summary.lua")));

/// Claims the database for a system.
pub(crate) static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("claim.lua")));
/// Takes units of a shared quota.
pub(crate) static QUOTA: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("quota.lua")));
/// Removes keys of a partition.
pub(crate) static CLEAR: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("clear.lua")));

/// A script: its text and its hash.
pub(crate) struct Script {
    text: &'static str,
    hash: String,
}

/// How to call a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Hash,
    /// Needed if Redis does not have the script: after a start, or after `SCRIPT FLUSH`.
    Text,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }

    /// A call without its keys and arguments, for which it reserves capacity.
    pub(crate) fn call(&self, by: By, keys: usize, arguments: usize, bytes: usize) -> Cmd {
        let mut call = Cmd::with_capacity(arguments + keys + 3, bytes + self.text.len() + 64);
        match by {
            By::Hash => call.arg("EVALSHA").arg(&self.hash),
            By::Text => call.arg("EVAL").arg(self.text),
        };
        call.arg(keys);
        call
    }

    /// A call with few arguments.
    pub(crate) fn small_call(
        &self,
        by: By,
        keys: &[impl ToRedisArgs],
        arguments: &[impl ToRedisArgs],
    ) -> Cmd {
        let mut call = self.call(by, keys.len(), arguments.len(), 0);
        call.arg(keys).arg(arguments);
        call
    }
}
