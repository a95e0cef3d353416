//! Channels: each has a notifier and its own group.

use std::sync::Arc;

use logistics_core::port::Notifier;

/// The channel whose group is [`NotificationsOptions::group`] itself.
///
/// [`NotificationsOptions::group`]: crate::NotificationsOptions::group
const CONSOLE: &str = "console";
/// Bytes of a channel's name at most. Brokers limit the length of a group's name, which contains it.
pub const CHANNEL_NAME_BYTES_MAX: usize = 32;

/// A notifier, and the name that identifies its group, its health and its log lines.
#[derive(Clone)]
pub struct Channel {
    name: Arc<str>,
    notifier: Arc<dyn Notifier>,
}

/// Why channels cannot start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidChannel {
    /// The name is empty, too long, or contains another character.
    #[error("{0:?} is not a valid channel name; use 1 to {max} of a-z, 0-9 and -", max = CHANNEL_NAME_BYTES_MAX)]
    Name(String),
    /// Two channels have this name. They would share one group, and each notification would reach only one of them.
    #[error("two channels have the name {0:?}; give each its own")]
    Duplicate(String),
}

impl Channel {
    /// A channel with this name: 1 to [`CHANNEL_NAME_BYTES_MAX`] of `a-z`, `0-9` and `-`. The name identifies the positions,
    /// so a renamed channel starts without positions.
    ///
    /// # Errors
    /// [`InvalidChannel::Name`] for any other name.
    pub fn new(name: &str, notifier: Arc<dyn Notifier>) -> Result<Self, InvalidChannel> {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=CHANNEL_NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed) {
            Ok(Self { name: name.into(), notifier })
        } else {
            Err(InvalidChannel::Name(name.chars().take(CHANNEL_NAME_BYTES_MAX).collect()))
        }
    }

    /// The channel `console`. Its group is the one in the options.
    #[must_use]
    pub fn console(notifier: Arc<dyn Notifier>) -> Self {
        Self { name: CONSOLE.into(), notifier }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn into_parts(self) -> (Arc<str>, Arc<dyn Notifier>) {
        (self.name, self.notifier)
    }

    /// The group of the channel's positions.
    pub(crate) fn group(&self, base: &str) -> String {
        self.qualified(base)
    }

    /// The name of the channel's part of health.
    pub(crate) fn part(&self) -> String {
        self.qualified("notifier")
    }

    fn qualified(&self, base: &str) -> String {
        if &*self.name == CONSOLE { base.to_owned() } else { format!("{base}.{}", self.name) }
    }
}

/// Rejects two channels with the same name.
pub(crate) fn check(channels: &[Channel]) -> Result<(), InvalidChannel> {
    let mut names = std::collections::BTreeSet::new();
    match channels.iter().find(|channel| !names.insert(channel.name())) {
        Some(twice) => Err(InvalidChannel::Duplicate(twice.name().to_owned())),
        None => Ok(()),
    }
}
