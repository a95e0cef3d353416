//! The recipients of a notification that are done, while another of its recipients is not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use logistics_core::notify::Notification;
use logistics_core::port::NotifyError;
use logistics_core::{Actor, OrderId, Version};

/// Notifications that are remembered. Beyond it, the oldest is forgotten, and a retry of it repeats a message.
const NOTIFICATIONS_MAX: usize = 10_000;

type Key = (OrderId, Version);

/// How the e-mail to one recipient ended for good.
#[derive(Debug, Clone)]
pub(crate) enum End {
    Accepted,
    Rejected(NotifyError),
}

/// Remembers it in this process, so that a retry for one recipient sends nothing to the other again.
#[derive(Debug, Default)]
pub(crate) struct Settled(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ends: BTreeMap<Key, BTreeMap<Actor, End>>,
    oldest_first: VecDeque<Key>,
}

impl Settled {
    pub(crate) fn of(&self, notification: &Notification, role: Actor) -> Option<End> {
        self.with(|state| state.ends.get(&key(notification))?.get(&role).cloned())
    }

    pub(crate) fn settle(&self, notification: &Notification, role: Actor, end: End) {
        self.with(|state| {
            let key = key(notification);
            if !state.ends.contains_key(&key) {
                state.oldest_first.push_back(key.clone());
                if state.oldest_first.len() > NOTIFICATIONS_MAX
                    && let Some(oldest) = state.oldest_first.pop_front()
                {
                    state.ends.remove(&oldest);
                }
            }
            state.ends.entry(key).or_default().insert(role, end);
        });
    }

    /// Every recipient is done. Those that accepted are remembered if another one rejected: a redrive goes to the other alone.
    pub(crate) fn complete(&self, notification: &Notification) {
        self.with(|state| {
            let key = key(notification);
            let Some(ends) = state.ends.get_mut(&key) else { return };
            let all = ends.len();
            ends.retain(|_, end| matches!(end, End::Accepted));
            if ends.len() == all || ends.is_empty() {
                state.ends.remove(&key);
                state.oldest_first.retain(|other| *other != key);
            }
        });
    }

    fn with<T>(&self, call: impl FnOnce(&mut State) -> T) -> T {
        call(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn key(notification: &Notification) -> Key {
    (notification.order_id.clone(), notification.version)
}

#[cfg(test)]
mod tests {
    use logistics_core::port::NotifyErrorKind;
    use logistics_core::{Status, Timestamp};

    use super::*;

    fn notification(n: usize) -> Notification {
        let id = format!("o-{n}").parse().unwrap();
        Notification::new(id, Version(1), Status::Placed, Timestamp::default())
    }

    #[test]
    fn a_complete_notification_is_forgotten_unless_a_redrive_could_repeat_a_message() {
        let (settled, one) = (Settled::default(), notification(1));
        settled.settle(&one, Actor::Customer, End::Accepted);
        assert!(settled.of(&one, Actor::Customer).is_some() && settled.of(&one, Actor::Merchant).is_none());
        let rejected = NotifyError::new(NotifyErrorKind::Rejected, "no mailbox");
        settled.settle(&one, Actor::Merchant, End::Rejected(rejected));
        settled.complete(&one);
        assert!(settled.of(&one, Actor::Customer).is_some() && settled.of(&one, Actor::Merchant).is_none());
        settled.settle(&one, Actor::Merchant, End::Accepted);
        settled.complete(&one);
        assert!(settled.of(&one, Actor::Customer).is_none());
    }

    #[test]
    fn the_memory_is_bounded() {
        let settled = Settled::default();
        for n in 0..=NOTIFICATIONS_MAX {
            settled.settle(&notification(n), Actor::Customer, End::Accepted);
        }
        assert!(settled.of(&notification(0), Actor::Customer).is_none());
        assert!(settled.of(&notification(1), Actor::Customer).is_some());
    }
}
