//! Server-sent events that survive the loss of the server.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::CONTENT_TYPE;
use logistics_cli_kit::{Failure, ReplyStream};
use tokio::time::Instant;

use super::api::{Api, refused};

/// The wait before a reconnect until the server names one, in milliseconds.
const RETRY_MS: u64 = 1_000;
/// The longest wait that a server may name, in milliseconds.
const RETRY_MS_MAX: u64 = 60_000;
/// The longest time without a byte. Servers send heartbeats more often.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// Bytes of one event.
const EVENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The events of a path. A lost connection is opened again, behind the last event.
pub(crate) struct EventSource {
    api: Api,
    path: String,
    /// For how long the server may be gone.
    patience: Duration,
    last_id: Option<String>,
    retry: Duration,
    stream: Option<ReplyStream>,
    text: EventText,
    /// When the connection was lost.
    lost_at: Option<Instant>,
}

/// An event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
}

impl EventSource {
    /// Opens the stream.
    ///
    /// # Errors
    /// If the server is unreachable or refuses it.
    pub(crate) async fn open(
        api: Api,
        path: String,
        last_id: Option<String>,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let (retry, text) = (Duration::from_millis(RETRY_MS), EventText::default());
        let mut source = Self { api, path, patience, last_id, retry, stream: None, text, lost_at: None };
        source.connect().await?;
        Ok(source)
    }

    /// The next event. `None`: the server has no more.
    ///
    /// # Errors
    /// If the server was gone for longer than the patience, or refuses the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        loop {
            if let Some(event) = self.take()? {
                return Ok(Some(event));
            }
            let Some(stream) = &mut self.stream else {
                match self.reconnect().await? {
                    true => continue,
                    false => return Ok(None),
                }
            };
            match stream.next(SILENCE_MAX).await {
                Ok(Some(bytes)) => {
                    self.lost_at = None;
                    self.text.push(&bytes)?;
                }
                Ok(None) | Err(_) => self.disconnect(),
            }
        }
    }

    /// Resumes at once, because the server has asked for it.
    pub(crate) fn resume(&mut self) {
        self.disconnect();
        self.retry = Duration::ZERO;
    }

    fn disconnect(&mut self) {
        self.lost_at.get_or_insert_with(Instant::now);
        (self.stream, self.text) = (None, EventText::default());
    }

    fn take(&mut self) -> Result<Option<Event>, Failure> {
        while let Some(block) = self.text.block()? {
            let parsed = parse(&block);
            if let Some(id) = parsed.id {
                self.last_id = Some(id);
            }
            if let Some(retry_ms) = parsed.retry_ms {
                self.retry = Duration::from_millis(retry_ms.min(RETRY_MS_MAX));
            }
            if let Some(event) = parsed.event {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Connects again until the patience is used. False: the server has no more events.
    async fn reconnect(&mut self) -> Result<bool, Failure> {
        let lost_at = *self.lost_at.get_or_insert_with(Instant::now);
        loop {
            let left = self.patience.saturating_sub(lost_at.elapsed());
            tokio::time::sleep(self.retry.min(left)).await;
            self.retry = self.retry.max(Duration::from_millis(RETRY_MS));
            match self.connect().await {
                Ok(has_more) => return Ok(has_more),
                Err(failure) if !failure.is_unreachable() || lost_at.elapsed() >= self.patience => {
                    return Err(failure);
                }
                Err(_) => {}
            }
        }
    }

    async fn connect(&mut self) -> Result<bool, Failure> {
        let mut headers = vec![("accept", "text/event-stream")];
        headers.extend(self.last_id.as_deref().map(|id| ("last-event-id", id)));
        let stream = self.api.open(&self.path, &headers).await?;
        match stream.status {
            StatusCode::OK if is_events(&stream) => {
                self.stream = Some(stream);
                Ok(true)
            }
            StatusCode::NO_CONTENT => Ok(false),
            StatusCode::OK => Err(Failure::refused("this server has no live streams; update it")),
            _ => Err(refused(&stream.complete().await?)),
        }
    }
}

fn is_events(stream: &ReplyStream) -> bool {
    let kind = stream.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// Text that arrives in pieces.
#[derive(Default)]
struct EventText(Vec<u8>);

impl EventText {
    fn push(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.0.len() + bytes.len() > EVENT_BYTES_MAX {
            return Err(Failure::refused("the server sent an event without an end"));
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    /// The lines up to the next empty one.
    fn block(&mut self) -> Result<Option<String>, Failure> {
        let Some(end) = self.0.windows(2).position(|two| two == b"\n\n") else { return Ok(None) };
        let rest = self.0.split_off(end + 2);
        let block = std::mem::replace(&mut self.0, rest);
        String::from_utf8(block).map(Some).map_err(|_| Failure::refused("the server sent no UTF-8"))
    }
}

#[derive(Default)]
struct Block {
    id: Option<String>,
    retry_ms: Option<u64>,
    event: Option<Event>,
}

fn parse(block: &str) -> Block {
    let (mut parsed, mut name, mut data) = (Block::default(), "message", Vec::new());
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => name = value,
            "id" => parsed.id = Some(value.to_owned()),
            "retry" => parsed.retry_ms = value.parse().ok(),
            "data" => data.push(value),
            _ => {}
        }
    }
    if !data.is_empty() {
        parsed.event = Some(Event { name: name.to_owned(), data: data.join("\n") });
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_parsed_from_any_pieces() {
        let sent = b"retry: 3000\n\n:\n\nid: 4\n\nevent: fact\nid: 5\ndata: {\ndata: }\n\ndata: x\n\n";
        for piece in [1, 2, 7, 100] {
            let (mut text, mut blocks) = (EventText::default(), Vec::new());
            for bytes in sent.chunks(piece) {
                text.push(bytes).expect("a short event");
                while let Some(block) = text.block().expect("UTF-8") {
                    blocks.push(parse(&block));
                }
            }
            let ids: Vec<_> = blocks.iter().filter_map(|block| block.id.as_deref()).collect();
            assert_eq!(ids, ["4", "5"]);
            assert_eq!(blocks[0].retry_ms, Some(3000));
            let events: Vec<_> = blocks.into_iter().filter_map(|block| block.event).collect();
            let event = |name: &str, data: &str| Event { name: name.to_owned(), data: data.to_owned() };
            assert_eq!(events, [event("fact", "{\n}"), event("message", "x")]);
        }
    }
}
