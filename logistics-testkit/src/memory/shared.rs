//! A state machine that many futures share.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::faults::{Dice, Faults};
use crate::executor::yield_now;
use logistics_core::port::PortError;

/// The machine, the dice, and the wakers of tasks that wait for a change. The lock is held for single steps only and never
/// while a future waits, so dropping a future at any point leaves no partial step.
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

    /// One step that changes no condition for which a task waits.
    pub(super) fn look<R>(&self, step: impl FnOnce(&mut T, &mut Dice) -> R) -> R {
        let Inner { machine, dice, .. } = &mut *self.lock();
        step(machine, dice)
    }

    /// One step; then all waiting tasks check their condition again.
    pub(super) fn update<R>(&self, step: impl FnOnce(&mut T, &mut Dice) -> R) -> R {
        let (result, waiting) = {
            let Inner { machine, dice, waiting } = &mut *self.lock();
            (step(machine, dice), std::mem::take(waiting))
        };
        // Wakes without the lock: a waker may run code that locks again.
        waiting.into_iter().for_each(Waker::wake);
        result
    }

    /// Waits until a step yields something.
    pub(super) async fn wait<R>(&self, mut step: impl FnMut(&mut T) -> Option<R>) -> R {
        poll_fn(|context| self.poll(context, &mut step)).await
    }

    /// Runs before every call: the call may be slow, and may fail without an effect.
    pub(super) async fn enter(&self, doing: &str) -> Result<(), PortError> {
        self.dawdle().await;
        self.look(|_, dice| dice.check(|faults| faults.unavailable_before, doing))
    }

    /// Runs after the effect of a call: the answer may be lost.
    pub(super) fn answer<R>(&self, doing: &str, result: R) -> Result<R, PortError> {
        self.look(|_, dice| dice.check(|faults| faults.unavailable_after, doing))?;
        Ok(result)
    }

    /// Lets other tasks go first, as the dice decide.
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
        // Registered under the lock of the check, so no change is missed.
        if !inner.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            inner.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }

    /// Ignores poisoning: a test needs the message of the step that panicked.
    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
