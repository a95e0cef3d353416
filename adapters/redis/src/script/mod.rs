//! Lua scripts, which Redis runs as one step.

use std::sync::LazyLock;

use deadpool_redis::redis::{self, Cmd, ToRedisArgs};

/// Compares and writes. `write/packed.rs` packs its arguments.
pub(crate) static WRITE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("write.lua")));
/// A stretch of a list's index.
pub(crate) static INDEX: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("index.lua")));
/// The documents of a stretch of a list.
pub(crate) static DOCUMENTS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("documents.lua")));

/// Claims the database for a system.
pub(crate) static CLAIM: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("claim.lua")));
/// Removes keys of a partition.
pub(crate) static CLEAR: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("clear.lua")));

/// A script: its text, and the hash that Redis knows it by once it has seen it.
pub(crate) struct Script {
    text: &'static str,
    hash: String,
}

/// What to call a script by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Hash,
    /// Needed where Redis has not seen it since it started, or was told to forget it.
    Text,
}

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }

    /// A call; the arguments are still to come. The capacities are those of what comes.
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
