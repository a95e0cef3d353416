//! Live streams.

/// What a live stream of an interface follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StreamKind {
    /// Server-sent events of one order.
    Order,
    /// Server-sent events of every order that the caller sees.
    All,
    /// A WebSocket with any number of subscriptions.
    Socket,
}

impl StreamKind {
    /// All kinds.
    pub const ALL: [StreamKind; 3] = [StreamKind::Order, StreamKind::All, StreamKind::Socket];

    /// The kind as text. It never changes.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            StreamKind::Order => "order",
            StreamKind::All => "all",
            StreamKind::Socket => "socket",
        }
    }
}

/// What happened to a live stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamEvent {
    /// It began. [`StreamEvent::Closed`] follows, however it ends.
    Opened,
    /// The interface sent an event: a snapshot, a fact or the reason of an end. Heartbeats are no events.
    Sent,
    /// The subscriber fell behind and has to resume.
    Lagged,
    /// It ended.
    Closed,
}
