//! The export of spans while there is no collector. A program of its own, because the subscriber of its log lines is global.

mod exporting;

use std::io::{self, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use exporting::{PATIENCE, report, traces};
use logistics_telemetry::{OtlpConfig, OtlpProtocol, SpanCounts, Traces};

fn until(what: &str, traces: &Traces, holds: impl Fn(&SpanCounts) -> bool) {
    let begun = Instant::now();
    while !holds(&traces.counts()) {
        assert!(begun.elapsed() < PATIENCE, "{what}: {:?}", traces.counts());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Captures the log lines of every thread.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_one_warning_and_its_spans_count_as_failed() {
    let lines = Lines::default();
    let writer = lines.clone();
    // The exporter logs on its own thread.
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    tracing::subscriber::set_global_default(subscriber).expect("the only subscriber of this program");
    for protocol in [OtlpProtocol::Http, OtlpProtocol::Grpc] {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let before = warnings(&lines);
        let traces = traces(&OtlpConfig::new(format!("http://{address}"), protocol));
        for failed in 1..=2 {
            report(&traces);
            until("the export fails", &traces, |counts| counts.failed() == failed);
        }
        traces.stop(PATIENCE);
        assert_eq!((traces.counts().exported(), traces.counts().dropped()), (0, 0), "{protocol:?}");
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(warnings(&lines) - before, 1, "{protocol:?}: {text}");
    }
}

fn warnings(lines: &Lines) -> usize {
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines().filter(|line| line.contains("WARN") && line.contains("cannot export spans")).count()
}
