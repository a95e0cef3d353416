//! A state machine that many futures share.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::faults::{Dice, Faults};
use crate::executor::yield_now;
use logistics_core::port::PortError;

/// The machine, the dice, and who waits for the machine to change. The lock is held for single steps only and never while
/// a future waits, so dropping a future at any point leaves nothing half done.
#[derive(Debug)]
pub(super) struct Shared<T>(Mutex<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    machine: T,
    dice: Dice,
    waiting: Vec<Waker>,
}

impl<T> Shared<T> {
    pub(super) fn new(machine: T, dice: Dice) -> Self {
        Self(Mutex::new(Inner { machine, dice, waiting: Vec::new() }))
    }

    pub(super) fn set_faults(&self, faults: Faults) {
        self.lock().dice.faults = faults;
    }

    /// One step that changes nothing that anybody waits for.
    pub(super) fn look<R>(&self, step: impl FnOnce(&mut T, &mut Dice) -> R) -> R {
        let Inner { machine, dice, .. } = &mut *self.lock();
        step(machine, dice)
    }

    /// One step, after which everybody who waits looks again.
    pub(super) fn update<R>(&self, step: impl FnOnce(&mut T, &mut Dice) -> R) -> R {
        let (result, waiting) = {
            let Inner { machine, dice, waiting } = &mut *self.lock();
            (step(machine, dice), std::mem::take(waiting))
        };
        // Woken without the lock: a waker may run anything, also what locks again.
        waiting.into_iter().for_each(Waker::wake);
        result
    }

    /// Waits until a step yields something.
    pub(super) async fn wait<R>(&self, mut step: impl FnMut(&mut T) -> Option<R>) -> R {
        poll_fn(|context| self.poll(context, &mut step)).await
    }

    /// What comes before every call: it may take its time, and it may fail without an effect.
    pub(super) async fn enter(&self, doing: &str) -> Result<(), PortError> {
        self.dawdle().await;
        self.look(|_, dice| dice.check(|faults| faults.unavailable_before, doing))
    }

    /// What comes after a call that had its effect: the answer may be lost.
    pub(super) fn answer<R>(&self, doing: &str, result: R) -> Result<R, PortError> {
        self.look(|_, dice| dice.check(|faults| faults.unavailable_after, doing))?;
        Ok(result)
    }

    /// Lets others go first, where the dice say so.
    pub(super) async fn dawdle(&self) {
        for _ in 0..self.look(|_, dice| dice.yields()) {
            yield_now().await;
        }
    }

    fn poll<R>(&self, context: &Context<'_>, step: &mut impl FnMut(&mut T) -> Option<R>) -> Poll<R> {
        let inner = &mut *self.lock();
        if let Some(result) = step(&mut inner.machine) {
            return Poll::Ready(result);
        }
        // Registered under the same lock as the look, so no change can slip in between.
        if !inner.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            inner.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// A step that panicked left the machine between two of its own steps at worst; tests want its message, not ours.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
