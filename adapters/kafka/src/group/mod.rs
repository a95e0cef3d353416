//! Membership in consumer groups: the group of processors, and groups of readers.

pub(crate) mod member;
pub(crate) mod membership;
pub(crate) mod subscription;
