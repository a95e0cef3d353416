//! Groups, all members of which are in this process: the processors, and groups of readers.

pub(crate) mod coordinator;
pub(crate) mod membership;
pub(crate) mod readers;
pub(crate) mod subscription;
