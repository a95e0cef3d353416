//! Contexts of spans, by W3C Trace Context (Level 1, version 00).

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::ids::{OrderId, TraceParent, Version};

/// Identifies a span and its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    sampled: bool,
}

impl TraceContext {
    /// The context of a span; `None` if one of the ids is 0.
    #[must_use]
    pub fn new(trace_id: u128, span_id: u64, sampled: bool) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, sampled })
    }

    /// Reads a `traceparent`. `None` if it is malformed: W3C Trace Context requires that a receiver ignores it then. A version
    /// above 00 is read as far as version 00 goes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_lower_hex =
            |part: &str| part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let mut parts = text.splitn(5, '-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let sizes = version.len() == 2 && trace.len() == 32 && span.len() == 16 && flags.len() == 2;
        if !sizes || ![version, trace, span, flags].into_iter().all(is_lower_hex) {
            return None;
        }
        if version == "ff" || (version == "00" && parts.next().is_some()) {
            return None;
        }
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let (trace, span) = (u128::from_str_radix(trace, 16).ok()?, u64::from_str_radix(span, 16).ok()?);
        Self::new(trace, span, flags & 1 == 1)
    }

    /// The id of the trace.
    #[must_use]
    pub fn trace_id(self) -> u128 {
        self.trace_id
    }

    /// The id of the span.
    #[must_use]
    pub fn span_id(self) -> u64 {
        self.span_id
    }

    /// The id of the trace as people and tools write it: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id_hex(self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The id of the span as people and tools write it: 16 hexadecimal digits.
    #[must_use]
    pub fn span_id_hex(self) -> String {
        format!("{:016x}", self.span_id)
    }

    /// The trace is recorded.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        self.sampled
    }

    /// Another span of the same trace; `None` if the id is 0.
    #[must_use]
    pub fn with_span_id(self, span_id: u64) -> Option<Self> {
        Self::new(self.trace_id, span_id, self.sampled)
    }

    /// The same, recorded or not.
    #[must_use]
    pub fn with_sampled(self, sampled: bool) -> Self {
        Self { sampled, ..self }
    }

    /// The context of the fact that gives this order this version, below this context.
    ///
    /// It needs no randomness, so a decision stays a pure function. Only the writer of a fact derives it: readers take it from
    /// the fact's record, because another release may derive another one.
    #[must_use]
    pub fn of_fact(self, order_id: &OrderId, version: Version) -> Self {
        let mut seed = [0; 24];
        seed[..16].copy_from_slice(&self.trace_id.to_be_bytes());
        seed[16..].copy_from_slice(&version.0.to_be_bytes());
        let hash = xxh3_64_with_seed(order_id.as_str().as_bytes(), xxh3_64(&seed));
        // 0 is not a valid id.
        Self { span_id: hash.max(1), ..self }
    }

    /// The context as a `traceparent` of version 00.
    #[must_use]
    pub fn to_traceparent(self) -> TraceParent {
        let Self { trace_id, span_id, sampled } = self;
        // The text has the alphabet and the size of a `TraceParent`.
        TraceParent::parse(&format!("00-{trace_id:032x}-{span_id:016x}-{:02x}", u8::from(sampled)))
            .unwrap_or_else(|_| unreachable!("a formatted context is a traceparent"))
    }
}

impl TraceParent {
    /// The context; `None` if the text is malformed.
    #[must_use]
    pub fn context(&self) -> Option<TraceContext> {
        TraceContext::parse(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_context_survives_its_text() {
        let context = TraceContext::parse(TEXT).expect("valid");
        assert!(context.is_sampled());
        assert_eq!(context.to_traceparent().as_str(), TEXT);
        assert!(context.with_sampled(false).to_traceparent().as_str().ends_with("-00"));
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = TEXT.replacen("00", "01", 1) + "-more";
        assert_eq!(TraceContext::parse(&later), TraceContext::parse(TEXT));
    }

    #[test]
    fn each_fact_has_its_own_span_in_the_trace() {
        let context = TraceContext::parse(TEXT).expect("valid");
        let order = |text: &str| OrderId::parse(text).expect("an id");
        let first = context.of_fact(&order("order"), Version(1));
        assert_eq!(first, context.of_fact(&order("order"), Version(1)));
        assert_eq!((first.trace_id(), first.is_sampled()), (context.trace_id(), true));
        let other = TraceContext { trace_id: 1, ..context };
        let others = [
            context,
            context.of_fact(&order("order"), Version(2)),
            context.of_fact(&order("order2"), Version(1)),
            other.of_fact(&order("order"), Version(1)),
        ];
        assert!(others.iter().all(|other| other.span_id() != first.span_id()), "{others:?}");
    }

    #[test]
    fn a_malformed_text_is_no_context() {
        let zero_trace = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        let zero_span = "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01";
        let upper = TEXT.to_uppercase();
        let longer = format!("{TEXT}-x");
        let invalid = TEXT.replacen("00", "ff", 1);
        for text in ["", "00", zero_trace, zero_span, &upper, &longer, &invalid, "00-a-b-01", &TEXT[..54]] {
            assert_eq!(TraceContext::parse(text), None, "{text}");
        }
    }
}
