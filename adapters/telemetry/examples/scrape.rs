//! Serves the metrics of one partition. Try: `cargo run -p logistics-telemetry --example scrape -- 127.0.0.1:9464`, then
//! `curl 127.0.0.1:9464/metrics`. Without an address, the example scrapes itself once.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use logistics_core::observe::{Exposition, Gauges, Observer, ProcessorReading, Reading};
use logistics_core::processor::ProcessorEvent;
use logistics_core::{Offset, Partition};
use logistics_telemetry::{BuildInfo, Metrics};

/// What a part of your process knows of itself.
struct OnePartition;

impl Gauges for OnePartition {
    fn read(&self, into: &mut dyn FnMut(Reading)) {
        let mut reading = ProcessorReading::default();
        (reading.partition, reading.phase, reading.waiting_inputs) = (Partition(0), "live", 3);
        into(Reading::Processor(reading));
    }
}

fn answer(metrics: &Metrics, mut stream: TcpStream) -> std::io::Result<()> {
    // The beginning of the request is enough: every path has the same answer here.
    let _ = stream.read(&mut [0; 1024])?;
    let (kind, text) = (metrics.content_type(), metrics.text());
    write!(stream, "HTTP/1.0 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

fn main() -> std::io::Result<()> {
    let build = BuildInfo { program: "example", version: "1.0.0", instance: "one".to_owned() };
    let metrics = Metrics::new(build);
    metrics.watch(Arc::new(OnePartition));
    // What a driver reports.
    let live = ProcessorEvent::Live { from: Offset(0), replayed: 0 };
    metrics.processor_event(Partition(0), &live, None);

    if let Some(addr) = std::env::args().nth(1) {
        let listener = TcpListener::bind(addr)?;
        listener.incoming().for_each(|stream| drop(stream.and_then(|stream| answer(&metrics, stream))));
    }
    let text = metrics.text();
    assert!(text.contains("logistics_processor_acquisitions_total 1\n"));
    assert!(text.contains("logistics_processor_waiting_inputs{partition=\"0\"} 3\n"));
    print!("{text}");
    Ok(())
}
