//! The screen in memory.

use std::time::{Duration, Instant};

use logistics_core::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Color;

use super::super::late::LateOrders;
use super::super::parse::parse;
use super::super::process::{Process, Scrape};
use super::*;

const NOW: f64 = 1_700_000_100.0;

/// A process whose partitions are live, but for the last one, which is halted.
fn snapshot(name: &str, partitions: u32) -> Snapshot {
    let mut text = format!("logistics_build_info{{program=\"logistics\",name=\"{name}\"}} 1\n");
    for partition in 0..partitions {
        let phase = if partition + 1 == partitions { "halted" } else { "live" };
        let since = NOW - 3600.0;
        text += &format!(
            "logistics_processor_phase{{partition=\"{partition}\",phase=\"{phase}\"}} 1\n\
             logistics_processor_phase_start_timestamp_seconds{{partition=\"{partition}\"}} {since}\n\
             logistics_processor_memory_bytes{{partition=\"{partition}\"}} 12345678\n\
             logistics_processor_read_position{{partition=\"{partition}\"}} 123456\n\
             logistics_timers{{partition=\"{partition}\"}} 12\n\
             logistics_timer_overdue_seconds{{partition=\"{partition}\"}} 0\n\
             logistics_log_lag_records{{partition=\"{partition}\"}} {partition}\n\
             logistics_log_lag_seconds{{partition=\"{partition}\"}} 0.5\n"
        );
    }
    text += "logistics_orders{status=\"PLACED\"} 3\nlogistics_oldest_order_seconds{status=\"PLACED\"} 75\n";
    let mut process = Process::new("http://127.0.0.1:9100/metrics".to_owned());
    process.scraped(Scrape { at: Instant::now(), result: parse(&text, false) });
    let at = Timestamp::from_millis((NOW * 1000.0) as i64);
    Snapshot::of(&[process], LateOrders::default(), Duration::from_secs(30), at)
}

fn terminal(width: u16, height: u16) -> Terminal<TestBackend> {
    Terminal::new(TestBackend::new(width, height)).expect("in memory")
}

/// The lines of the screen.
fn drawn(view: &mut View, snapshot: &Snapshot, width: u16, height: u16) -> Vec<String> {
    let mut terminal = terminal(width, height);
    terminal.draw(|frame| view.draw(frame, snapshot)).expect("in memory");
    let buffer = terminal.backend().buffer();
    let line = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

fn view() -> View {
    View::new(Paint::new(false))
}

#[test]
fn a_small_screen_shows_the_verdict_and_the_troubled_partition_first() {
    let lines = drawn(&mut view(), &snapshot("proc-a", 4), 80, 24);
    assert_eq!(lines[0], "logistics top  2023-11-14T22:15:00.000Z  1 of 1 processes answer");
    assert_eq!(lines[1], "Is every order moving? NO: partition 3 is halted on proc-a since 1h 0m");
    assert_eq!(lines[2], "placed -  facts -  requests -  errors -  POST p50 - p99 -");
    assert_eq!(lines[3], "Not moving");
    let titles = lines.iter().position(|line| line.trim_start().starts_with("part ")).expect("a table");
    assert_eq!(
        &lines[titles..titles + 3],
        [
            "part  phase   owner   since  lag     age  read  timers  overdue    memory",
            "   3  halted  proc-a  1h 0m    3  500 ms  123k      12      0 s  11.8 MiB",
            "   0  live    proc-a  1h 0m    0  500 ms  123k      12      0 s  11.8 MiB",
        ]
        .map(|line| line.to_owned())
    );
    assert!(lines.contains(&"PLACED       3  1m 15s".to_owned()), "{lines:#?}");
    assert!(lines[23].starts_with("q quit  s sort: trouble"), "{:?}", lines[23]);
}

#[test]
fn all_partitions_are_there_on_request_and_scroll() {
    let (mut view, snapshot) = (view(), snapshot("p", 40));
    let lines = drawn(&mut view, &snapshot, 80, 24);
    assert!(lines.contains(&"and 30 more (a: all)".to_owned()), "{lines:#?}");
    view.apply(Action::All);
    let first = drawn(&mut view, &snapshot, 80, 24);
    assert!(first[23].contains("↑↓ scroll"), "{:?}", first[23]);
    view.apply(Action::PageDown);
    let second = drawn(&mut view, &snapshot, 80, 24);
    // A page of 20 lines moves by 18.
    assert_eq!(first[3 + 18], second[3]);
    for _ in 0..100 {
        view.apply(Action::PageDown);
    }
    let last = drawn(&mut view, &snapshot, 80, 24);
    assert!(last[22].starts_with("p "), "the last line is the last process: {last:#?}");
    view.apply(Action::Top);
    assert_eq!(drawn(&mut view, &snapshot, 80, 24), first);
}

#[test]
fn sorting_by_number_and_pausing_are_visible() {
    let (mut view, snapshot) = (view(), snapshot("p", 4));
    view.apply(Action::Sort);
    view.apply(Action::Pause);
    let lines = drawn(&mut view, &snapshot, 100, 30);
    assert!(lines[0].ends_with("PAUSED") && lines[29].contains("sort: partition"), "{lines:#?}");
    let titles = lines.iter().position(|line| line.trim_start().starts_with("part ")).expect("a table");
    let numbers: Vec<&str> =
        lines[titles + 1..titles + 5].iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(numbers, ["0", "1", "2", "3"]);
    view.apply(Action::Help);
    assert!(drawn(&mut view, &snapshot, 100, 30)[3].starts_with("q, Esc, Ctrl-C"));
}

#[test]
fn text_of_a_process_moves_no_cursor() {
    let snapshot = snapshot("\u{1b}[2J\u{202e}evil\u{9b}1m", 1);
    let mut terminal = terminal(80, 24);
    terminal.draw(|frame| view().draw(frame, &snapshot)).expect("in memory");
    let symbols: String = terminal.backend().buffer().content().iter().map(|cell| cell.symbol()).collect();
    assert!(!symbols.contains(logistics_core::text::is_active), "{symbols:?}");
    assert!(symbols.contains("\\u{1b}[2J\\u{202e}evil"), "{symbols}");
    for line in view().lines(&snapshot, 120) {
        assert!(!line.contains(logistics_core::text::is_active), "{line:?}");
    }
}

#[test]
fn without_colours_there_are_none() {
    let has_colour = |paint: Paint| {
        let mut terminal = terminal(80, 24);
        terminal.draw(|frame| View::new(paint).draw(frame, &snapshot("p", 2))).expect("in memory");
        let cells = terminal.backend().buffer().content();
        cells.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(!has_colour(Paint::new(false)));
    assert!(has_colour(Paint::new(true)));
}

#[test]
fn any_size_is_drawn() {
    let (mut view, snapshot) = (view(), snapshot("a-process-with-a-long-name", 30));
    for (width, height) in [(1, 1), (3, 2), (10, 4), (20, 5), (40, 10), (300, 100), (80, 24)] {
        drawn(&mut view, &snapshot, width, height);
        view.apply(Action::PageDown);
    }
    assert!(drawn(&mut view, &snapshot, 80, 24).iter().any(|line| line.contains("a-proces")));
}
