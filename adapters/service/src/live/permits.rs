//! Limits of open streams.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use logistics_core::observe::{Observer, Observers, StreamEvent, StreamKind};

use crate::error::ServiceError;
use crate::limit::LimitedCaller;
use crate::live::{LiveEnd, LiveEvent};
use crate::service::OrderService;

/// The default of [`StreamLimits::streams_max`].
pub const STREAMS_MAX: usize = 2_000;
/// The default of [`StreamLimits::caller_streams_max`].
pub const CALLER_STREAMS_MAX: usize = 200;

/// How many streams may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamLimits {
    /// Maximum open streams of the process. Default 2,000.
    pub streams_max: usize,
    /// Maximum open streams of one caller: a subject at all of its addresses, or the address of an anonymous caller. Default 200.
    pub caller_streams_max: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { streams_max: STREAMS_MAX, caller_streams_max: CALLER_STREAMS_MAX }
    }
}

/// The open streams.
#[derive(Debug)]
pub(crate) struct Permits {
    limits: StreamLimits,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    streams: usize,
    by_caller: HashMap<Caller, usize>,
}

/// A caller whose streams are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Caller {
    Subject(Arc<str>),
    Address(IpAddr),
    Unknown,
}

impl Caller {
    fn of(caller: LimitedCaller<'_>) -> Self {
        match caller {
            LimitedCaller::Subject(subject) => Caller::Subject(subject.into()),
            LimitedCaller::Address(address) => Caller::Address(network(address)),
            LimitedCaller::Unknown => Caller::Unknown,
        }
    }
}

/// IPv6 addresses with the same 64 first bits are one caller.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

/// An open stream of a caller. Its drop is the end of the stream.
#[derive(Debug)]
#[must_use = "a permit that is dropped counts no stream"]
pub struct StreamPermit {
    permits: Arc<Permits>,
    caller: Caller,
    observers: Observers,
    kind: StreamKind,
}

impl OrderService {
    /// Counts a stream of this caller, until the drop of the result. An interface holds one permit for each stream or socket.
    ///
    /// # Errors
    /// [`ServiceError::TooManyStreams`], or [`ServiceError::TooManyStreamsOfCaller`]. [`ServiceError::Unavailable`] if this handle
    /// has no feed.
    pub fn admit_stream(
        &self,
        caller: LimitedCaller<'_>,
        kind: StreamKind,
    ) -> Result<StreamPermit, ServiceError> {
        let feed = self.feed().ok_or(ServiceError::Unavailable)?;
        let (permits, caller) = (feed.0.permits.clone(), Caller::of(caller));
        permits.enter(&caller)?;
        let observers = self.observers.clone();
        observers.stream(kind, StreamEvent::Opened);
        Ok(StreamPermit { permits, caller, observers, kind })
    }
}

impl StreamPermit {
    /// Reports an event that the interface has sent.
    pub fn sent(&self, event: &LiveEvent) {
        match event {
            // An end without an event.
            LiveEvent::End(LiveEnd::Complete) => return,
            LiveEvent::End(LiveEnd::Lagged) => self.observers.stream(self.kind, StreamEvent::Lagged),
            _ => {}
        }
        self.observers.stream(self.kind, StreamEvent::Sent);
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        self.permits.leave(&self.caller);
        self.observers.stream(self.kind, StreamEvent::Closed);
    }
}

impl Permits {
    pub(crate) fn new(limits: StreamLimits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    fn enter(&self, caller: &Caller) -> Result<(), ServiceError> {
        let mut open = self.lock();
        if open.streams >= self.limits.streams_max {
            return Err(ServiceError::TooManyStreams);
        }
        let of_caller = open.by_caller.get(caller).copied().unwrap_or(0);
        if of_caller >= self.limits.caller_streams_max {
            return Err(ServiceError::TooManyStreamsOfCaller);
        }
        open.streams += 1;
        open.by_caller.insert(caller.clone(), of_caller + 1);
        Ok(())
    }

    fn leave(&self, caller: &Caller) {
        let mut open = self.lock();
        open.streams -= 1;
        match open.by_caller.get_mut(caller) {
            Some(streams) if *streams > 1 => *streams -= 1,
            _ => {
                open.by_caller.remove(caller);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        // No step panics between two changes that belong together.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_counts_for_its_caller_and_the_process_until_it_ends() {
        let permits = Permits::new(StreamLimits { streams_max: 3, caller_streams_max: 2 });
        let address = |text: &str| Caller::of(LimitedCaller::Address(text.parse().unwrap()));
        let (one, same, other) = (address("2001:db8::1"), address("2001:db8::2"), address("192.0.2.1"));
        assert_eq!(one, same);
        assert_eq!(other, address("::ffff:192.0.2.1"));
        assert_eq!((permits.enter(&one), permits.enter(&same)), (Ok(()), Ok(())));
        assert_eq!(permits.enter(&one), Err(ServiceError::TooManyStreamsOfCaller));
        assert_eq!(permits.enter(&other), Ok(()));
        assert_eq!(permits.enter(&Caller::Unknown), Err(ServiceError::TooManyStreams));
        permits.leave(&one);
        assert_eq!(permits.enter(&Caller::Unknown), Ok(()));
        [same, other, Caller::Unknown].iter().for_each(|caller| permits.leave(caller));
        let open = permits.lock();
        assert_eq!((open.streams, open.by_caller.len()), (0, 0));
    }
}
