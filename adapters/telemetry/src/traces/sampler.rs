//! Which traces are recorded.

use logistics_core::TraceContext;

/// Bits of a trace id that decide: the 56 that W3C Trace Context Level 2 requires to be random.
const RANDOM_BITS: u32 = 56;

/// Makes contexts. A new trace is recorded by ratio of its id, so that every process with the same ratio decides alike; a
/// continued one as its parent is.
pub(super) struct Sampler {
    /// Trace ids whose random bits are below it are recorded.
    threshold: u64,
}

impl Sampler {
    /// `ratio`: 0 to 1.
    pub(super) fn new(ratio: f64) -> Self {
        let all = 1u64 << RANDOM_BITS;
        // The product is at most 2^56, which a float represents exactly.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let threshold = (ratio.clamp(0.0, 1.0) * all as f64) as u64;
        Self { threshold }
    }

    /// The context of a new span below `parent`. A span that is not recorded has ids, too: log lines and errors show them.
    pub(super) fn new_span(&self, parent: Option<TraceContext>) -> TraceContext {
        loop {
            let span_id = rand::random();
            let context = match parent {
                Some(parent) => parent.with_span_id(span_id),
                None => self.new_trace(rand::random(), span_id),
            };
            // An id of 0 is invalid, and as likely as any other.
            if let Some(context) = context {
                return context;
            }
        }
    }

    fn new_trace(&self, trace_id: u128, span_id: u64) -> Option<TraceContext> {
        TraceContext::new(trace_id, span_id, self.samples(trace_id))
    }

    fn samples(&self, trace_id: u128) -> bool {
        let random = trace_id & ((1 << RANDOM_BITS) - 1);
        random < u128::from(self.threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_continues_its_trace_with_its_own_id() {
        let parent = TraceContext::new(7, 9, true).expect("valid");
        let child = Sampler::new(0.0).new_span(Some(parent));
        assert_eq!((child.trace_id(), child.is_sampled()), (7, true));
        assert_ne!(child.span_id(), parent.span_id());
        assert!(!Sampler::new(1.0).new_span(Some(parent.with_sampled(false))).is_sampled());
    }

    #[test]
    fn the_ratio_is_the_share_of_recorded_traces() {
        let share = |ratio: f64| {
            let sampler = Sampler::new(ratio);
            (0..10_000).filter(|_| sampler.new_span(None).is_sampled()).count()
        };
        assert_eq!((share(0.0), share(1.0), share(-1.0), share(2.0)), (0, 10_000, 0, 10_000));
        // Ten standard deviations: 10,000 trials, each with a chance of 0.1.
        assert!(share(0.1).abs_diff(1000) < 300);
    }
}
