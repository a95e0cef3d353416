//! The sections.

use std::cmp::Reverse;

use ratatui::style::Style;
use ratatui::text::Line;

use super::super::late::LateOrder;
use super::super::model::{
    ChannelRow, DependencyRow, FailureRow, Finding, OrdersRow, PartitionRow, Snapshot, StoreRow, Trouble,
};
use super::super::process::ProcessRow;
use super::super::text;
use super::table::{Column, Row, span, table, wrapped};
use super::{Sort, View};

/// Partitions that are shown until the operator asks for all.
const PARTITIONS_SHOWN: usize = 10;

/// The lines of all sections. A section without rows is left out.
pub(super) fn body(snapshot: &Snapshot, view: &View, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let mut section = |title: String, rows: Vec<Line<'static>>| {
        if !rows.is_empty() {
            if !lines.is_empty() {
                lines.push(Line::default());
            }
            lines.push(Line::from(span(&title, view.paint.title())));
            lines.extend(rows);
        }
    };
    section("Not moving".to_owned(), findings(&snapshot.reasons, width, view.paint.bad()));
    section("Warnings".to_owned(), findings(&snapshot.warnings, width, view.paint.warning()));
    section(format!("Partitions ({})", snapshot.partitions.len()), partitions(snapshot, view, width));
    section("Orders".to_owned(), orders(snapshot, view, width));
    section("Late orders, the longest late first".to_owned(), late_orders(snapshot, view, width));
    section("Dead letters, rejections and errors".to_owned(), failures(snapshot, view, width));
    section("Notifications".to_owned(), notifications(snapshot, view, width));
    section("Dependencies".to_owned(), dependencies(snapshot, view, width));
    section("Stores".to_owned(), stores(snapshot, view, width));
    section("Processes".to_owned(), processes(snapshot, view, width));
    lines
}

fn shown(value: Option<f64>, format: fn(f64) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), format)
}

fn named(value: Option<&String>) -> String {
    value.map_or_else(|| "-".to_owned(), Clone::clone)
}

fn findings(findings: &[Finding], width: usize, style: Style) -> Vec<Line<'static>> {
    findings.iter().flat_map(|finding| wrapped(&finding.message, width, style)).collect()
}

fn partitions(snapshot: &Snapshot, view: &View, width: usize) -> Vec<Line<'static>> {
    let mut rows: Vec<&PartitionRow> = snapshot.partitions.iter().collect();
    let descending = |value: Option<f64>| Reverse((value.unwrap_or(0.0) * 1000.0) as i64);
    match view.sort {
        Sort::Trouble => rows.sort_by_key(|row| {
            let waits = (descending(row.lag_seconds), descending(row.overdue_seconds));
            (Reverse(row.trouble), waits, row.partition)
        }),
        Sort::Partition => {}
        Sort::Lag => rows.sort_by_key(|row| (descending(row.lag_seconds), descending(row.lag_records))),
        Sort::Memory => rows.sort_by_key(|row| descending(row.memory_bytes)),
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let kept = if view.all { rows.len() } else { rows.len().min(PARTITIONS_SHOWN) };
    let left = rows.len() - kept;
    let cells = rows.into_iter().take(kept).map(|row| partition(row, view)).collect();
    let columns = [
        Column::Number("part"),
        Column::Text("phase"),
        Column::Name("owner"),
        Column::Number("since"),
        Column::Number("lag"),
        Column::Number("age"),
        Column::Number("read"),
        Column::Number("timers"),
        Column::Number("overdue"),
        Column::Number("memory"),
    ];
    let mut lines = table(&columns, cells, width, view.paint);
    if left > 0 {
        lines.push(Line::styled(format!("and {left} more (a: all)"), view.paint.faint()));
    }
    lines
}

fn partition(row: &PartitionRow, view: &View) -> Row {
    let style = match row.trouble {
        None => Style::new(),
        Some(Trouble::Starting | Trouble::TwoOwners) => view.paint.warning(),
        Some(_) => view.paint.bad(),
    };
    let phase = match row.trouble {
        Some(Trouble::Unowned) => "unowned".to_owned(),
        _ => named(row.phase.as_ref()),
    };
    let cells = vec![
        row.partition.to_string(),
        phase,
        named(row.owner.as_ref()),
        shown(row.phase_seconds, text::seconds),
        shown(row.lag_records, text::count),
        shown(row.lag_seconds, text::seconds),
        shown(row.read_position, text::count),
        shown(row.timers, text::count),
        shown(row.overdue_seconds, text::seconds),
        shown(row.memory_bytes, text::bytes),
    ];
    Row { style, cells }
}

fn orders(snapshot: &Snapshot, view: &View, width: usize) -> Vec<Line<'static>> {
    if snapshot.orders.is_empty() {
        return Vec::new();
    }
    let row = |row: &OrdersRow| {
        let oldest = shown(row.oldest_seconds, text::seconds);
        Row::plain(vec![row.status.clone(), shown(row.count, text::count), oldest])
    };
    let columns = [Column::Text("status"), Column::Number("orders"), Column::Number("oldest")];
    table(&columns, snapshot.orders.iter().map(row).collect(), width, view.paint)
}

fn late_orders(snapshot: &Snapshot, view: &View, width: usize) -> Vec<Line<'static>> {
    let late = &snapshot.late_orders;
    if let Some(error) = &late.error {
        return wrapped(&format!("unknown: {error}"), width, view.paint.faint());
    }
    if late.orders.is_empty() {
        return Vec::new();
    }
    let row = |order: &LateOrder| {
        let since = snapshot.at.millis_since(order.updated_at) as f64 / 1000.0;
        Row::plain(vec![order.order_id.clone(), order.status.clone(), text::seconds(since)])
    };
    let columns = [Column::Text("order"), Column::Text("status"), Column::Number("unchanged")];
    table(&columns, late.orders.iter().map(row).collect(), width, view.paint)
}

fn failures(snapshot: &Snapshot, view: &View, width: usize) -> Vec<Line<'static>> {
    if snapshot.failures.is_empty() {
        return Vec::new();
    }
    let row = |row: &FailureRow| {
        let kind = row.kind.replace('_', " ");
        let rate = shown(row.per_second, text::rate);
        Row::plain(vec![kind, row.reason.clone(), text::count(row.total), rate])
    };
    let columns =
        [Column::Text("what"), Column::Name("reason"), Column::Number("total"), Column::Number("now")];
    table(&columns, snapshot.failures.iter().map(row).collect(), width, view.paint)
}

fn notifications(snapshot: &Snapshot, view: &View, width: usize) -> Vec<Line<'static>> {
    if snapshot.notifications.is_empty() {
        return Vec::new();
    }
    let row = |row: &ChannelRow| {
        Row::plain(vec![
            row.channel.clone(),
            shown(row.delivered_total, text::count),
            shown(row.delivered_per_second, text::rate),
            shown(row.retries_per_second, text::rate),
            shown(row.failed_total, text::count),
            shown(row.oldest_seconds, text::seconds),
            shown(row.halted_partitions, text::count),
        ])
    };
    let columns = [
        Column::Name("channel"),
        Column::Number("delivered"),
        Column::Number("now"),
        Column::Number("retries"),
        Column::Number("failed"),
        Column::Number("oldest"),
        Column::Number("halted"),
    ];
    table(&columns, snapshot.notifications.iter().map(row).collect(), width, view.paint)
}

fn dependencies(snapshot: &Snapshot, view: &View, width: usize) -> Vec<Line<'static>> {
    if snapshot.dependencies.is_empty() {
        return Vec::new();
    }
    let row = |row: &DependencyRow| {
        let (state, style) = if row.up { ("up", Style::new()) } else { ("DOWN", view.paint.bad()) };
        let since = shown(row.down_seconds, text::seconds);
        Row { style, cells: vec![row.dependency.clone(), state.to_owned(), since, row.process.clone()] }
    };
    let columns =
        [Column::Text("dependency"), Column::Text("state"), Column::Number("since"), Column::Name("process")];
    table(&columns, snapshot.dependencies.iter().map(row).collect(), width, view.paint)
}

fn stores(snapshot: &Snapshot, view: &View, width: usize) -> Vec<Line<'static>> {
    if snapshot.stores.is_empty() {
        return Vec::new();
    }
    let row = |row: &StoreRow| {
        Row::plain(vec![
            row.store.clone(),
            shown(row.used_bytes, text::bytes),
            shown(row.limit_bytes, text::bytes),
            named(row.eviction_policy.as_ref()),
            shown(row.evicted_keys_total, text::count),
        ])
    };
    let columns = [
        Column::Name("store"),
        Column::Number("used"),
        Column::Number("limit"),
        Column::Text("eviction"),
        Column::Number("evicted"),
    ];
    table(&columns, snapshot.stores.iter().map(row).collect(), width, view.paint)
}

fn processes(snapshot: &Snapshot, view: &View, width: usize) -> Vec<Line<'static>> {
    let row = |row: &ProcessRow| {
        let (state, style) = match (&row.error, row.ready) {
            (Some(_), _) => ("DOWN", view.paint.bad()),
            (None, Some(false)) => ("not ready", view.paint.warning()),
            (None, _) if row.up => ("up", Style::new()),
            (None, _) => ("scraping", Style::new()),
        };
        let since = row.started_at.map(|start| snapshot.at.millis_since(start) as f64 / 1000.0);
        let cells = vec![
            row.name.clone(),
            state.to_owned(),
            named(row.program.as_ref()),
            shown(since, text::seconds),
            shown(row.cpu, |cpu| format!("{:.0}%", cpu * 100.0)),
            shown(row.memory_bytes, text::bytes),
        ];
        Row { style, cells }
    };
    let columns = [
        Column::Name("process"),
        Column::Text("state"),
        Column::Text("program"),
        Column::Number("runs"),
        Column::Number("cpu"),
        Column::Number("memory"),
    ];
    table(&columns, snapshot.processes.iter().map(row).collect(), width, view.paint)
}
