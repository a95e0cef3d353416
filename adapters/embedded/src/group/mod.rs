//! Groups of members in this process: the processors, and groups of readers.

pub(crate) mod coordinator;
pub(crate) mod membership;
pub(crate) mod reader_groups;
pub(crate) mod subscription;
