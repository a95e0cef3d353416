//! Channels: each a notifier with a group of its own.

use std::sync::Arc;

use logistics_core::port::Notifier;

/// The channel whose group is [`NotificationsOptions::group`] itself.
///
/// [`NotificationsOptions::group`]: crate::NotificationsOptions::group
const CONSOLE: &str = "console";
/// Bytes of a channel's name at most: with its group's name it fits into what brokers take.
pub const CHANNEL_NAME_BYTES_MAX: usize = 32;

/// A channel: a notifier, and the name by which its group, its health and its log lines are known.
#[derive(Clone)]
pub struct Channel {
    name: Arc<str>,
    notifier: Arc<dyn Notifier>,
}

/// Why channels cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidChannel {
    /// The name is empty, too long, or has another character.
    #[error("{0:?} is no name of a channel; write 1 to {max} of a-z, 0-9 and -", max = CHANNEL_NAME_BYTES_MAX)]
    Name(String),
    /// Two channels have this name: they would share one group, and each would get half of the notifications.
    #[error("two channels have the name {0:?}; give each its own")]
    Duplicate(String),
}

impl Channel {
    /// A channel of this name: 1 to [`CHANNEL_NAME_BYTES_MAX`] of `a-z`, `0-9` and `-`. Its positions are kept under the
    /// name, so a channel that is renamed starts anew.
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

    /// The channel `console`, whose group is the one that the options name.
    #[must_use]
    pub fn console(notifier: Arc<dyn Notifier>) -> Self {
        Self { name: CONSOLE.into(), notifier }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn into_parts(self) -> (Arc<str>, Arc<dyn Notifier>) {
        (self.name, self.notifier)
    }

    /// The group that keeps its positions.
    pub(crate) fn group(&self, base: &str) -> String {
        self.qualified(base)
    }

    /// The part of health that shows it.
    pub(crate) fn part(&self) -> String {
        self.qualified("notifier")
    }

    fn qualified(&self, base: &str) -> String {
        if &*self.name == CONSOLE { base.to_owned() } else { format!("{base}.{}", self.name) }
    }
}

/// Every channel has a name of its own.
pub(crate) fn check(channels: &[Channel]) -> Result<(), InvalidChannel> {
    let mut names = std::collections::BTreeSet::new();
    match channels.iter().find(|channel| !names.insert(channel.name())) {
        Some(twice) => Err(InvalidChannel::Duplicate(twice.name().to_owned())),
        None => Ok(()),
    }
}
